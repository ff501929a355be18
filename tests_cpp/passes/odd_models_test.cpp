// Models that are odd in one way each: what runs fused gives what runs unfused, whatever is fused.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "testing/fused_graphs.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

struct Odd {
  const char* name;
  const char* body;
};

void PrintTo(const Odd& odd, std::ostream* stream) {
  *stream << odd.body;
}

class OddModels : public testing::TestWithParam<Odd> {};

TEST_P(OddModels, FusedAndUnfusedAgree) {
  const auto result = convert_and_run(small_model(GetParam().body), {small_input(4)});
  ASSERT_EQ(result.fused.sizes(), result.unfused.sizes());
  const double noise = (result.unfused - result.fp32).norm().item<double>();
  EXPECT_LE((result.fused - result.unfused).norm().item<double>(), 0.5 * noise + 1e-5);
  EXPECT_LE(noise, 0.06 * result.fp32.norm().item<double>());
}

const Odd kOddModels[] = {
    {"division_that_rounds",
     "return self.exact_conv2d(torch.div(self.conv2d(x) * 8, 2.0, rounding_mode='floor'))"},
    {"round_to_decimals", "return self.exact_conv2d(torch.round(self.conv2d(x), decimals=1))"},
    {"softplus_with_a_threshold",
     "return self.exact_conv2d(torch.softplus(self.conv2d(x), 1.0, 0.5))"},
    {"integer_constant",
     "return self.exact_conv2d(torch.relu(self.conv2d(x)) * torch.full([1, 1, 1, 1], 3))"},
    {"write_behind_a_pool",
     "y = torch.max_pool2d(torch.relu(self.conv2d(x)), 2)\n"
     "y[:, :2] = 0\n"
     "return self.exact_conv2d(y)"},
    {"write_before_an_average",
     "y = torch.max_pool2d(torch.relu(self.conv2d(x)), 2)\n"
     "y[:, :2] = 0\n"
     "return torch.adaptive_avg_pool2d(y, [1, 1]) + torch.tanh(y).mean()"},
    {"write_behind_a_norm",
     "y = torch.layer_norm(self.conv2d(x).transpose(1, 3), [8], self.b, self.b)\n"
     "y[:, :, :, :2] = 0\n"
     "return self.exact_linear(y)"},
    {"write_behind_a_size",
     "y = torch.relu(self.conv2d(x))\n"
     "n = y.size(0)\n"
     "y[:, :2] = 0\n"
     "return self.exact_conv2d(y) * n"},
    {"view_of_a_partition_beside_a_write",
     "y = self.conv2d(x)\n"
     "z = y.view(x.size(0), -1) * 2\n"
     "w = torch.zeros([2, 2])\n"
     "w[0] = 1\n"
     "return z + w.sum()"},
    {"write_to_what_was_flattened_before",
     "y = self.conv2d(x)\n"
     "flat = y.flatten(2)\n"
     "y += self.conv2d_second(torch.relu(self.conv2d(x)))\n"
     "return self.exact_conv2d(y) * flat.mean()"},
    {"strides_that_are_asked_for", "return torch.as_strided(self.conv2d(x), [4, 4], [4, 1]) * 2"},
    {"window_beyond_the_input",
     "return self.exact_conv2d(torch.max_pool2d(torch.relu(self.conv2d(x)), [2, 2], [3, 3], "
     "[0, 0], [1, 1], True))"},
    {"padding_of_channels", "return self.conv2d(torch.pad(x[:, 1:], [1, 1, 1, 1, 1, 0]))"},
};

INSTANTIATE_TEST_SUITE_P(Fusion, OddModels, testing::ValuesIn(kOddModels),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace int8graph
