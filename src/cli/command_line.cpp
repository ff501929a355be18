#include "cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace int8graph {

namespace {

constexpr OptionHelp kHelp{"-h, --help", "", "this text"};
constexpr size_t kHelpColumn = 28;

std::string_view long_name(const OptionHelp& option) {
  return option.name.substr(option.name.find("--"));
}

const OptionHelp* find_option(const CommandHelp& command, std::string_view word) {
  const auto is_meant = [word](const OptionHelp& option) {
    return word == long_name(option) || (option.name.front() == '-' && option.name[1] != '-' &&
                                         word == option.name.substr(0, 2));
  };
  if (is_meant(kHelp)) return &kHelp;
  const auto found = std::ranges::find_if(command.options, is_meant);
  return found == command.options.end() ? nullptr : &*found;
}

std::string quoted(std::string_view word) {
  return "\"" + std::string(word) + "\"";
}

std::string joined(const std::vector<std::string_view>& words, std::string_view separator) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::string usage_line(const CommandHelp& command) {
  std::string line = "int8graph " + std::string(command.name);
  for (const std::string_view file : command.files) line += " " + std::string(file);
  return line + " [options]";
}

}  // namespace

std::string help_text(const CommandHelp& command) {
  std::string text =
      "Usage: " + usage_line(command) + "\n\n" + std::string(command.text) + "\n\nOptions:\n";
  std::vector<OptionHelp> options = command.options;
  options.push_back(kHelp);
  for (const OptionHelp& option : options) {
    std::string line =
        "  " + std::string(option.name.front() == '-' && option.name[1] == '-' ? "    " : "") +
        std::string(option.name) + " " + std::string(option.value);
    if (line.size() + 1 > kHelpColumn) {
      text += line + "\n";
      line.clear();
    }
    line.resize(kHelpColumn, ' ');
    for (const char c : option.help) {
      line += c;
      if (c == '\n') line.append(kHelpColumn, ' ');
    }
    text += line + "\n";
  }
  return text;
}

Arguments::Arguments(const CommandHelp& command, std::span<const std::string_view> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.size() < 2 || word.front() != '-') {
      files_.emplace_back(word);
      continue;
    }
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const OptionHelp* option = find_option(command, name);
    if (option == nullptr) throw UsageError("unknown option " + quoted(name));
    std::string& value = values_[std::string(long_name(*option))];
    if (option->value.empty()) {
      if (equals != std::string_view::npos) {
        throw UsageError("option " + std::string(name) + " takes no value");
      }
    } else if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      value = words[++i];
    } else {
      throw UsageError("option " + std::string(name) +
                       " needs a value: " + std::string(option->value));
    }
  }
  if (!wants_help() && files_.size() != command.files.size()) {
    throw UsageError(files_.size() > command.files.size()
                         ? "unexpected argument " + quoted(files_[command.files.size()])
                         : "missing argument " + std::string(command.files[files_.size()]));
  }
}

std::string Arguments::text(std::string_view option, std::string_view otherwise) const {
  const auto found = values_.find(std::string(option));
  return found == values_.end() ? std::string(otherwise) : found->second;
}

int Arguments::integer(std::string_view option, int otherwise, IntegerRange accepted) const {
  const auto found = values_.find(std::string(option));
  if (found == values_.end()) return otherwise;
  const std::string& text = found->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < accepted.least ||
      value > accepted.most) {
    throw UsageError("option " + std::string(option) + " is " + quoted(text) +
                     "; accepted: an integer from " + std::to_string(accepted.least) + " to " +
                     std::to_string(accepted.most));
  }
  return value;
}

std::string Arguments::choice(std::string_view option,
                              std::vector<std::string_view> accepted) const {
  const std::string value = text(option, accepted.front());
  if (std::ranges::find(accepted, value) == accepted.end()) {
    throw UsageError("option " + std::string(option) + " is " + quoted(value) +
                     "; accepted: " + joined(accepted, ", "));
  }
  return value;
}

std::string Arguments::required(std::string_view option) const {
  if (!has(option)) throw UsageError("missing option " + std::string(option));
  return text(option);
}

}  // namespace int8graph
