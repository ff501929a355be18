/// The program `int8graph`: the whole job from the shell, and a look at how an artifact runs.
///
/// Exit codes: 0 done, 1 failed at work, 2 wrong usage. Errors are one line on stderr.

#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/one_line.h"
#include "int8graph/version.h"

namespace int8graph {

namespace {

struct Command {
  const CommandHelp* help;
  void (*run)(const Arguments& arguments);
};

// The order of the job.
constexpr Command kCommands[] = {
    {&kCalibrate, calibrate}, {&kConvert, convert}, {&kCompare, compare},
    {&kInspect, inspect},     {&kBench, bench},
};

enum ExitCode { kDone = 0, kFailed = 1, kWrongUsage = 2 };

std::string overview() {
  std::string text =
      "int8graph: INT8 inference for PyTorch models on x86 CPUs.\n\n"
      "Usage: int8graph COMMAND ...\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::string line = "  " + std::string(command.help->name);
    line.resize(13, ' ');
    text += line + std::string(command.help->summary) + "\n";
  }
  return text +
         "\nThe whole job, from a TorchScript file to a fused int8 one:\n"
         "  int8graph calibrate fp32.pt --data images.npy --conf configure.json\n"
         "  int8graph convert fp32.pt --conf configure.json --shape 1x3x224x224 -o model.pt\n"
         "  int8graph compare fp32.pt model.pt --data images.npy\n"
         "  int8graph bench model.pt --fp32 fp32.pt\n\n"
         "\"int8graph COMMAND --help\" tells the options. Exit codes: 0 done, 1 failed, 2 wrong "
         "usage.\n";
}

int fail(std::string_view command, const std::string& message, ExitCode code) {
  std::cerr << "int8graph" + (command.empty() ? "" : " " + std::string(command)) + ": " + message +
                   "\n";
  return code;
}

int run(const Command& command, std::span<const std::string_view> words) {
  const std::string_view name = command.help->name;
  try {
    const Arguments arguments(*command.help, words);
    if (arguments.wants_help()) {
      std::cout << help_text(*command.help);
    } else {
      command.run(arguments);
    }
    if (!std::cout.flush()) throw std::runtime_error("can't write to stdout");
    return kDone;
  } catch (const UsageError& error) {
    const std::string hint = "; see int8graph " + std::string(name) + " --help";
    return fail(name, error.what() + hint, kWrongUsage);
  } catch (const std::exception& error) {
    return fail(name, one_line(error), kFailed);
  }
}

int run(std::span<const std::string_view> words) {
  if (words.empty()) {
    std::cerr << overview();
    return kWrongUsage;
  }
  const bool is_help_asked = words[0] == "help" && words.size() > 1;
  if (words[0] == "--help" || words[0] == "-h" || (words[0] == "help" && !is_help_asked)) {
    std::cout << overview();
    return kDone;
  }
  if (words[0] == "--version") {
    std::cout << "int8graph " INT8GRAPH_VERSION "\n";
    return kDone;
  }
  const std::string_view name = words[is_help_asked ? 1 : 0];
  const auto command = std::ranges::find_if(
      kCommands, [&](const Command& candidate) { return candidate.help->name == name; });
  if (command == std::end(kCommands)) {
    const std::string message = "unknown command \"" + std::string(name) + "\"";
    return fail("", message + "; see int8graph --help", kWrongUsage);
  }
  if (!is_help_asked) return run(*command, words.subspan(1));
  constexpr std::string_view kHelp[] = {"--help"};
  return run(*command, kHelp);
}

}  // namespace

}  // namespace int8graph

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  return int8graph::run(words);
}
