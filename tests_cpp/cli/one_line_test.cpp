#include "cli/one_line.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/jit_exception.h>

#include <stdexcept>

namespace int8graph {
namespace {

TEST(OneLine, IsTheFirstThatSaysSomething) {
  EXPECT_EQ(one_line(std::runtime_error("no room")), "no room");
  EXPECT_EQ(one_line(std::runtime_error("\n  no room\nfor more")), "no room");
  EXPECT_EQ(one_line(std::runtime_error("")), "unknown error");
}

TEST(OneLine, IsThatBehindTorchScriptsTrace) {
  EXPECT_EQ(one_line(std::runtime_error("The following operation failed.\nTraceback:\n"
                                        "RuntimeError: sizes differ\n  more")),
            "sizes differ");
}

TEST(OneLine, IsWhatAModelRaises) {
  const std::string text = "The following operation failed.\nbuiltins.ValueError: short";
  EXPECT_EQ(one_line(torch::jit::JITException(text, "builtins.ValueError", "short")), "short");
}

TEST(OneLine, LeavesPyTorchsBacktraceOut) {
  try {
    TORCH_CHECK(false, "given 1 channel");
  } catch (const c10::Error& error) {
    EXPECT_EQ(one_line(error), "given 1 channel");
  }
}

}  // namespace
}  // namespace int8graph
