#pragma once

#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace int8graph {

/// Wrong words on the command line: exit code 2.
struct UsageError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct IntegerRange {
  int least = 1;
  int most = std::numeric_limits<int>::max();
};

struct OptionHelp {
  std::string_view name;   ///< "--shape"; "-o, --output" gives it a short form
  std::string_view value;  ///< what stands behind it, e.g. "N"; empty for a switch
  std::string_view help;
};

/// What a command takes; the help text is made of it.
struct CommandHelp {
  std::string_view name;
  std::string_view summary;  ///< one line, for the list of commands
  std::vector<std::string_view> files;
  std::vector<OptionHelp> options;
  std::string_view text;  ///< what it does, and examples
};

std::string help_text(const CommandHelp& command);

/// The words behind a command, checked against its options. `--name value` and `--name=value` are
/// the same; an option that stands twice counts as its last.
class Arguments {
 public:
  /// @throws UsageError that names the word and what is accepted.
  Arguments(const CommandHelp& command, std::span<const std::string_view> words);

  bool wants_help() const { return has("--help"); }
  const std::string& file(size_t i) const { return files_[i]; }

  bool has(std::string_view option) const { return values_.contains(std::string(option)); }
  std::string text(std::string_view option, std::string_view otherwise = "") const;

  /// @throws UsageError when the value is no integer of that range.
  int integer(std::string_view option, int otherwise, IntegerRange accepted = {}) const;

  /// The value, which must be one of those given (the first is the default).
  std::string choice(std::string_view option, std::vector<std::string_view> accepted) const;

  /// @throws UsageError when the option was not given.
  std::string required(std::string_view option) const;

 private:
  std::vector<std::string> files_;
  std::unordered_map<std::string, std::string> values_;
};

}  // namespace int8graph
