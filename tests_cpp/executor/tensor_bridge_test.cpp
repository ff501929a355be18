#include "executor/tensor_bridge.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace int8graph {
namespace {

OutputSpec spec_of(const at::Tensor& tensor) {
  return {tensor.sizes().vec(), tensor.strides().vec(), tensor.scalar_type(),
          tensor.is_quantized() ? tensor.quantizer() : nullptr};
}

at::Tensor quantized(at::IntArrayRef sizes) {
  return at::quantize_per_tensor(at::linspace(-1, 1, c10::multiply_integers(sizes)).reshape(sizes),
                                 0.01, 100, at::kQUInt8);
}

TEST(Allocate, MakesATensorThatPyTorchCanUse) {
  const at::Tensor like = at::empty({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor tensor = allocate(spec_of(like));
  EXPECT_EQ(tensor.sizes(), like.sizes());
  EXPECT_EQ(tensor.strides(), like.strides());
  EXPECT_EQ(tensor.scalar_type(), at::kFloat);
  EXPECT_TRUE(tensor.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_GE(tensor.storage().nbytes(), like.nbytes());
  tensor.fill_(2);
  EXPECT_TRUE(at::equal(tensor.mul(3), at::full_like(like, 6)));
  tensor.resize_({1000});
  EXPECT_EQ(tensor.numel(), 1000);
}

TEST(Allocate, MakesAQuantizedTensorWithItsParameters) {
  const at::Tensor like = quantized({2, 3});
  at::Tensor tensor = allocate(spec_of(like));
  EXPECT_TRUE(tensor.is_quantized());
  EXPECT_EQ(tensor.q_scale(), 0.01);
  EXPECT_EQ(tensor.q_zero_point(), 100);
  tensor.copy_(like);
  EXPECT_TRUE(at::equal(tensor.int_repr(), like.int_repr()));
  EXPECT_TRUE(at::equal(tensor.dequantize(), like.dequantize()));
}

TEST(Allocate, GivesEachTensorItsOwnBuffer) {
  const OutputSpec spec = spec_of(at::empty({4}));
  EXPECT_NE(allocate(spec).data_ptr(), at::empty({4}).data_ptr());
  const at::Tensor first = allocate(spec);
  const at::Tensor second = allocate(spec);
  EXPECT_FALSE(first.is_alias_of(second));
}

TEST(AllocateOver, TakesTheDonorsBufferAndKeepsItAlive) {
  at::Tensor donor = quantized({2, 6});
  const void* buffer = donor.data_ptr();
  const at::Tensor bytes = donor.int_repr().flatten();
  const OutputSpec spec = {
      {3, 4}, {4, 1}, c10::kQUInt8, at::make_per_tensor_affine_quantizer(0.5, 3, at::kQUInt8)};
  const at::Tensor tensor = allocate_over(std::move(donor), spec);
  EXPECT_EQ(tensor.data_ptr(), buffer);
  EXPECT_EQ(tensor.q_scale(), 0.5);
  EXPECT_TRUE(at::equal(tensor.int_repr().flatten(), bytes));
  EXPECT_EQ(tensor.storage().use_count(), 1);
}

TEST(ScalarTypeOf, KnowsWhatOperatorsLowerTo) {
  using data_type = dnnl::graph::logical_tensor::data_type;
  EXPECT_EQ(scalar_type_of(data_type::f32), at::kFloat);
  EXPECT_EQ(scalar_type_of(data_type::bf16), at::kBFloat16);
  EXPECT_EQ(scalar_type_of(data_type::u8), at::kQUInt8);
  EXPECT_EQ(scalar_type_of(data_type::s8), at::kQInt8);
  EXPECT_THROW(scalar_type_of(data_type::s32), std::logic_error);
}

TEST(IsPlain, IsAboutMemoryAndNotAboutStrides) {
  EXPECT_TRUE(is_plain(at::ones({2, 3})));
  EXPECT_TRUE(is_plain(at::ones({2, 3}).t()));
  EXPECT_TRUE(is_plain(at::ones({1, 3}).expand({2, 3})));
  EXPECT_TRUE(is_plain(quantized({2})));
  EXPECT_FALSE(is_plain(at::Tensor()));
  EXPECT_FALSE(is_plain(at::ones({0, 3})));
  EXPECT_FALSE(is_plain(at::ones({2, 3}).to_sparse()));
  EXPECT_FALSE(is_plain(at::ones({2, 3}).to_mkldnn()));
  EXPECT_FALSE(is_plain(at::ones({2, 3}, at::kMeta)));
  EXPECT_FALSE(is_plain(at::_neg_view(at::ones({2, 3}))));
}

TEST(ChannelsLastStrides, AreThoseOfPyTorch) {
  EXPECT_EQ(channels_last_strides({2, 3, 4, 5}),
            at::empty({2, 3, 4, 5}, {}, at::MemoryFormat::ChannelsLast).strides().vec());
  EXPECT_EQ(channels_last_strides({2, 3, 4, 5, 6}),
            at::empty({2, 3, 4, 5, 6}, {}, at::MemoryFormat::ChannelsLast3d).strides().vec());
  EXPECT_EQ(channels_last_strides({2, 3, 4}), (std::vector<int64_t>{12, 1, 3}));
}

}  // namespace
}  // namespace int8graph
