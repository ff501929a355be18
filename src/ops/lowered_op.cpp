#include "ops/lowered_op.h"

#include <algorithm>

namespace int8graph {

const AttrValue* find_attr(const LoweredOp& op, Attr attr) {
  const auto entry = std::ranges::find(op.attrs, attr, [](const auto& e) { return e.first; });
  return entry == op.attrs.end() ? nullptr : &entry->second;
}

}  // namespace int8graph
