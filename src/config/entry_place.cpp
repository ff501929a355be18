#include "config/entry_place.h"

#include <stdexcept>

namespace int8graph {

void reject_field(const EntryPlace& place, std::string_view field, std::string_view found,
                  std::string_view accepted) {
  std::string message = place.text() + ": field ";
  message.append(field).append(" is ").append(found).append("; accepted: ").append(accepted);
  throw std::invalid_argument(message);
}

}  // namespace int8graph
