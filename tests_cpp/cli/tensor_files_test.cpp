#include "cli/tensor_files.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "config/temporary_directory.h"
#include "testing/messages.h"

namespace int8graph {
namespace {

class ReadCalls : public testing::Test {
 protected:
  std::string write(const std::string& name, const c10::IValue& value) const {
    const std::string path = directory_ / name;
    const std::vector<char> bytes = torch::jit::pickle_save(value);
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<int64_t>(bytes.size()));
    return path;
  }

  const TemporaryDirectory directory_;
};

TEST_F(ReadCalls, ATensorIsCutIntoBatches) {
  const at::Tensor samples = at::arange(10, at::kFloat).reshape({5, 2});
  const std::string path = write("x.pt", samples);
  const auto calls = read_calls(path, {.batch = 2});
  ASSERT_EQ(calls.size(), 3);
  EXPECT_TRUE(at::equal(calls[1].inputs.at(0).toTensor(), samples.slice(0, 2, 4)));
  EXPECT_EQ(calls[0].source, "\"" + path + "\", samples 0 to 1");
  EXPECT_EQ(calls[2].source, "\"" + path + "\", sample 4");
  EXPECT_EQ(read_calls(path, {.batch = 2, .samples = 3}).size(), 2);
}

TEST_F(ReadCalls, SamplesThatAreNotUsedAreNotKept) {
  const std::string path = write("x.pt", at::zeros({5, 2}));
  const auto calls = read_calls(path, {.samples = 1});
  ASSERT_EQ(calls.size(), 1);
  EXPECT_EQ(calls[0].inputs.at(0).toTensor().storage().nbytes(), 2 * sizeof(float));
}

TEST_F(ReadCalls, OfAFolderNoMoreFilesAreReadThanNeeded) {
  write("1.pt", at::zeros({3}));
  std::ofstream(directory_ / "2.pt") << "no tensor";
  EXPECT_EQ(read_calls(directory_.path(), {.samples = 1}).size(), 1);
}

TEST_F(ReadCalls, ATupleHoldsOneTensorPerInput) {
  const auto pair = c10::ivalue::Tuple::create({at::zeros({2, 3}), at::ones({2}, at::kLong)});
  const auto calls = read_calls(write("x.pt", pair), {});
  ASSERT_EQ(calls.size(), 2);
  ASSERT_EQ(calls[0].inputs.size(), 2);
  EXPECT_EQ(calls[0].inputs[0].toTensor().sizes(), at::IntArrayRef({1, 3}));
  EXPECT_EQ(calls[0].inputs[1].toTensor().scalar_type(), at::kLong);
}

TEST_F(ReadCalls, AListHoldsCalls) {
  c10::impl::GenericList list(c10::TensorType::get());
  list.push_back(at::zeros({1, 3}));
  list.push_back(at::zeros({2, 4}, at::kDouble));
  const std::string path = write("x.pt", list);
  const auto calls = read_calls(path, {});
  ASSERT_EQ(calls.size(), 2);
  EXPECT_EQ(calls[1].inputs[0].toTensor().sizes(), at::IntArrayRef({2, 4}));
  EXPECT_EQ(calls[1].inputs[0].toTensor().scalar_type(), at::kFloat);
  EXPECT_EQ(calls[1].source, "\"" + path + "\", element 1");
}

TEST_F(ReadCalls, AnElementThatIsNoCallIsNamed) {
  c10::impl::GenericList list(c10::AnyType::get());
  list.push_back(at::zeros({1, 3}));
  list.push_back(7);
  const std::string path = write("x.pt", list);
  expect_words(refusal_of([&] { read_calls(path, {}); }),
               {"\"" + path + "\", element 1: holds Int", "a tensor, a tuple of tensors"});
}

TEST_F(ReadCalls, AFolderIsReadInTheOrderOfNames) {
  const std::string second = write("2.pt", at::ones({4}));
  const std::string first = write("1.pt", at::zeros({3}));
  write("3.txt", at::zeros({3}));
  const auto calls = read_calls(directory_.path(), {});
  ASSERT_EQ(calls.size(), 2);
  EXPECT_EQ(calls[0].inputs[0].toTensor().numel(), 3);
  EXPECT_EQ(calls[0].source, "\"" + first + "\"");
  EXPECT_EQ(calls[1].source, "\"" + second + "\"");
}

TEST_F(ReadCalls, WhatHoldsCallsIsNotCutIntoBatches) {
  c10::impl::GenericList list(c10::TensorType::get());
  list.push_back(at::zeros({4, 3}));
  const std::string path = write("x.pt", list);
  expect_words(refusal_of([&] { read_calls(path, {.batch = 2}); }),
               {"option --batch", "\"" + path + "\" tells its calls one by one"});
  expect_words(refusal_of([&] { read_calls(directory_.path(), {.batch = 1}); }),
               {"option --batch"});
}

TEST(ParseShapes, ReadsSizesJoinedByX) {
  const std::vector<std::vector<int64_t>> expected = {{1, 128}, {2}};
  EXPECT_EQ(parse_shapes("1x128,2"), expected);
  for (const char* wrong : {"", "1x", "x1", "1x0", "1x-2", "1X2", "1,,2"}) {
    expect_words(refusal_of([&] { parse_shapes(wrong); }), {"option --shape is"});
  }
}

TEST(ParseDtypes, OneStandsForAll) {
  EXPECT_EQ(parse_dtypes("int64", 2), std::vector<c10::ScalarType>(2, at::kLong));
  EXPECT_EQ(parse_dtypes("float32,bool", 2), (std::vector<c10::ScalarType>{at::kFloat, at::kBool}));
  expect_words(refusal_of([] { parse_dtypes("int64,int64", 3); }), {"2 dtypes for 3 inputs"});
  expect_words(refusal_of([] { parse_dtypes("float99", 1); }), {"accepted: float32"});
}

TEST(MadeUpInputs, AreTheSameInEveryRun) {
  const auto make = [] { return made_up_inputs({{2, 3}, {4}}, {at::kFloat, at::kLong}); };
  const Inputs inputs = make();
  ASSERT_EQ(inputs.size(), 2);
  EXPECT_TRUE(at::equal(inputs[0].toTensor(), make()[0].toTensor()));
  EXPECT_TRUE(at::equal(inputs[1].toTensor(), at::ones({4}, at::kLong)));
}

}  // namespace
}  // namespace int8graph
