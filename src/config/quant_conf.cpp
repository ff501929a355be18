#include "int8graph/quant_conf.h"

#include <stdexcept>
#include <utility>

#include "config/atomic_file.h"
#include "config/entry_check.h"
#include "config/entry_schema.h"
#include "config/ipex_form.h"
#include "config/json_text.h"

namespace int8graph {

QuantConf::QuantConf(const std::string& configure_file, std::optional<QScheme> qscheme)
    : QuantConf(from_json(read_file(configure_file), configure_file, qscheme)) {}

QuantConf QuantConf::from_json(const std::string& text, const std::string& source,
                               std::optional<QScheme> qscheme) {
  const Json list = parse_json(text, source);
  if (!list.is_array()) {
    throw std::invalid_argument(source + ": the top level is " + describe(list) +
                                "; accepted: a list with one object per operator");
  }
  std::vector<OperatorEntry> entries;
  entries.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) entries.push_back(read_entry(list[i], source, i));
  adopt_ipex_form(entries);
  check_entries(entries, source);

  QuantConf conf(qscheme.value_or(scheme_of(entries)));
  conf.entries_ = std::move(entries);
  return conf;
}

std::string QuantConf::to_json() const {
  if (entries_.empty()) return "[]\n";
  std::string out = "[";
  const char* separator = "";
  for (const OperatorEntry& entry : entries_) {
    out += std::exchange(separator, ",");
    write_entry(entry, out);
  }
  return out + "\n]\n";
}

void QuantConf::save(const std::string& configure_file) const {
  if (entries_.empty()) {
    throw std::invalid_argument(configure_file +
                                ": not written, the configuration is empty: " + why_empty_);
  }
  write_file_atomically(configure_file, to_json());
}

void QuantConf::set_entries(std::vector<OperatorEntry> entries) {
  check_entries(entries, "set_entries");
  entries_ = std::move(entries);
}

}  // namespace int8graph
