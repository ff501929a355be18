#include "executor/primitive_constants.h"

#include <gtest/gtest.h>

#include "testing/messages.h"

namespace int8graph {
namespace {

using dnnl::memory;

TEST(OneDnnDtype, IsF32OrInt8) {
  EXPECT_EQ(onednn_dtype(c10::kFloat), memory::data_type::f32);
  EXPECT_EQ(onednn_dtype(c10::kQInt8), memory::data_type::s8);
  EXPECT_EQ(onednn_dtype(c10::kQUInt8), memory::data_type::u8);
}

TEST(OneDnnDtype, IsNoneOfOthers) {
  for (const auto dtype : {c10::kQInt32, c10::kDouble, c10::kByte}) {
    expect_words(refusal_of([&] { onednn_dtype(dtype); }), {c10::toString(dtype), "QUInt8"});
  }
}

TEST(OneDnnDilations, CountWhatLiesBetweenNeighbours) {
  EXPECT_EQ(onednn_dilations({1, 3}), (memory::dims{0, 2}));
}

}  // namespace
}  // namespace int8graph
