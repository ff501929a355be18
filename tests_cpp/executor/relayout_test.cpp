#include "executor/relayout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "onednn/onednn_loader.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

class RelayoutTest : public testing::Test {
 protected:
  RelayoutTest() { load_onednn(); }
};

const std::vector<int64_t> kSizes = {2, 3, 5, 4};
const std::vector<int64_t> kChannelsLast = {60, 1, 12, 3};

TEST_F(RelayoutTest, CopiesNumbersToOtherStrides) {
  const at::Tensor dense = noise(kSizes);
  const at::Tensor turned = noise({2, 3, 4, 5}).transpose(2, 3);
  for (const at::Tensor& tensor : {dense, turned}) {
    const at::Tensor result = Relayout(spec_of(tensor), kChannelsLast).run(tensor);
    EXPECT_EQ(result.strides(), c10::IntArrayRef(kChannelsLast));
    EXPECT_TRUE(at::equal(result, tensor));
  }
}

TEST_F(RelayoutTest, KeepsAQuantizedTensorsParameters) {
  for (const auto dtype : {at::kQUInt8, at::kQInt8}) {
    const at::Tensor tensor = at::quantize_per_tensor(noise(kSizes), 0.02, 7, dtype);
    const at::Tensor result = Relayout(spec_of(tensor), kChannelsLast).run(tensor);
    EXPECT_EQ(result.q_scale(), tensor.q_scale());
    EXPECT_EQ(result.q_zero_point(), 7);
    EXPECT_TRUE(at::equal(result.int_repr(), tensor.int_repr()));
  }
}

}  // namespace
}  // namespace int8graph
