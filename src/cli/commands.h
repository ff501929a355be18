#pragma once

#include "cli/command_line.h"

namespace int8graph {

// One file each. They print their results to stdout, and throw: UsageError for wrong words, any
// other std::exception for what went wrong at work.

extern const CommandHelp kBench;
void bench(const Arguments& arguments);

extern const CommandHelp kCalibrate;
void calibrate(const Arguments& arguments);

extern const CommandHelp kCompare;
void compare(const Arguments& arguments);

extern const CommandHelp kConvert;
void convert(const Arguments& arguments);

extern const CommandHelp kInspect;
void inspect(const Arguments& arguments);

}  // namespace int8graph
