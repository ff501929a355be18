#include "ops/training_mode.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include <string>

#include "ops/operator_table.h"

namespace int8graph {
namespace {

TEST(TrainingArgument, IsTheSchemasFlag) {
  for (const Operator& row : operator_table()) {
    for (const std::string_view symbol : row.symbols) {
      const auto position = training_argument(symbol);
      if (!position) continue;
      const auto schema = c10::Dispatcher::singleton().findSchema({std::string(symbol), ""});
      ASSERT_TRUE(schema) << symbol;
      const std::string& name = schema->schema().arguments().at(*position).name();
      EXPECT_TRUE(name == "train" || name == "training") << symbol << " " << name;
    }
  }
}

TEST(TrainingArgument, OnlyOperatorsThatTrainHaveOne) {
  EXPECT_TRUE(training_argument("aten::dropout_"));
  EXPECT_TRUE(training_argument("aten::batch_norm"));
  EXPECT_FALSE(training_argument("aten::relu"));
  EXPECT_FALSE(training_argument("some::operator"));
}

}  // namespace
}  // namespace int8graph
