#include "passes/split_projections.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>

#include "ops/node_arguments.h"
#include "testing/ir.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

/// A projection of [2, 3, 4] to 48 channels, of which `views` take %q, %k and %v, or some of them;
/// `results` lie behind them.
std::shared_ptr<jit::Graph> projection(const std::string& views, const std::string& results,
                                       const at::Tensor& weight = int8_weight({48, 4})) {
  return ir(R"IR(
graph(%x : Tensor, %other : Tensor, %n : int, %w : Tensor, %b : Tensor, %half : Tensor):
  %m2 : int = prim::Constant[value=-2]()
  %m1 : int = prim::Constant[value=-1]()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %three : int = prim::Constant[value=3]()
  %four : int = prim::Constant[value=4]()
  %eight : int = prim::Constant[value=8]()
  %sixteen : int = prim::Constant[value=16]()
  %parts : int = prim::Constant[value=24]()
  %all : int = prim::Constant[value=48]()
  %twice : int = prim::Constant[value=32]()
  %fronted : int[] = prim::Constant[value=[2, 0, 3, 1, 4]]()
  %uneven : int[] = prim::Constant[value=[18, 30]]()
  %s : float = prim::Constant[value=0.02]()
  %u8 : int = prim::Constant[value=13]()
  %rows : int = aten::size(%x, %zero)
  %length : int = aten::size(%x, %one)
  %inputs : int = aten::size(%x, %two)
  %part_of_inputs : int = aten::floordiv(%inputs, %two)
  %q8 : Tensor = aten::quantize_per_tensor(%x, %s, %eight, %u8)
  %d : Tensor = aten::dequantize(%q8)
  %weight : Tensor = aten::dequantize(%w)
  %y : Tensor = aten::linear(%d, %weight, %b)
)IR" + views + R"IR(
  %result : Tensor = aten::quantize_per_tensor(%q, %s, %eight, %u8)
  return (%result, )IR" +
                results + ")",
            {{"w", weight},
             {"b", at::arange(weight.size(0), at::kFloat)},
             {"half", at::full({1}, 0.5F)}});
}

size_t count(jit::Graph& graph, const char* symbol) {
  return static_cast<size_t>(std::ranges::count_if(graph.nodes(), [&](const jit::Node* node) {
    return node->kind() == c10::Symbol::fromQualString(symbol);
  }));
}

std::vector<at::Tensor> run(const std::shared_ptr<jit::Graph>& graph) {
  jit::Stack stack = {noise({2, 3, 4}), noise({3, 2, 4}, 2), 2};
  jit::InterpreterState(jit::Code(graph, "projection")).run(stack);
  std::vector<at::Tensor> results;
  for (const c10::IValue& value : stack) results.push_back(value.toTensor());
  return results;
}

struct Form {
  const char* name;
  std::string views;
  std::string results;
  size_t parts = 3;
};

void PrintTo(const Form& form, std::ostream* out) {
  *out << form.name;
}

const std::string kSelects = R"IR(
  %q : Tensor = aten::select(%p, %zero, %zero)
  %k : Tensor = aten::select(%p, %zero, %one)
  %v : Tensor = aten::select(%p, %zero, %m1)
)IR";

const std::string kSteps = R"IR(
  %1 : Tensor = aten::unflatten(%y, %m1, %sizes)
  %2 : Tensor = aten::unsqueeze(%1, %zero)
  %3 : Tensor = aten::transpose(%2, %zero, %m2)
  %4 : Tensor = aten::squeeze(%3, %m2)
  %p : Tensor = aten::contiguous(%4, %zero)
)IR";

class SplitProjections : public testing::TestWithParam<Form> {};

TEST_P(SplitProjections, GivesEachPartALayerOfItsOwn) {
  for (const at::Tensor& weight :
       {int8_weight({48, 4}), at::quantize_per_tensor(noise({48, 4}), 0.02, 0, at::kQInt8)}) {
    const auto graph = projection(GetParam().views, GetParam().results, weight);
    const auto before = run(graph->copy());
    split_projections(graph);
    graph->lint();
    EXPECT_EQ(count(*graph, "aten::linear"), GetParam().parts);
    const auto after = run(graph);
    ASSERT_EQ(after.size(), before.size());
    EXPECT_TRUE(at::equal(after[0].int_repr(), before[0].int_repr()));
    for (size_t i = 1; i < after.size(); ++i) {
      EXPECT_TRUE(at::allclose(after[i], before[i], 1e-6, 1e-6));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Forms, SplitProjections,
    testing::Values(Form{"multihead_attention",
                         "  %sizes : int[] = prim::ListConstruct(%three, %sixteen)" + kSteps +
                             kSelects,
                         "%k, %v"},
                    Form{"dimension_of_parts", R"IR(
  %sizes : int[] = prim::ListConstruct(%rows, %length, %three, %two, %eight)
  %r : Tensor = aten::reshape(%y, %sizes)
  %p : Tensor = aten::permute(%r, %fronted)
)IR" + kSelects,
                         "%k, %v"},
                    Form{"dimension_of_parts_unbound", R"IR(
  %sizes : int[] = prim::ListConstruct(%m1, %length, %three, %two, %eight)
  %r : Tensor = aten::view(%y, %sizes)
  %p : Tensor = aten::permute(%r, %fronted)
  %list : Tensor[] = aten::unbind(%p, %zero)
  %q : Tensor, %k : Tensor, %v : Tensor = prim::ListUnpack(%list)
)IR",
                         "%k, %v"},
                    Form{"dimension_of_parts_of_a_size_that_is_computed", R"IR(
  %sizes : int[] = prim::ListConstruct(%rows, %length, %three, %eight, %part_of_inputs)
  %r : Tensor = aten::reshape(%y, %sizes)
  %p : Tensor = aten::permute(%r, %fronted)
)IR" + kSelects,
                         "%k, %v"},
                    Form{"dimension_of_parts_where_it_is", R"IR(
  %sizes : int[] = prim::ListConstruct(%rows, %length, %two, %parts)
  %p : Tensor = aten::reshape(%y, %sizes)
  %q : Tensor = aten::select(%p, %m2, %one)
)IR",
                         "%x", 1},
                    Form{"list", R"IR(
  %list : Tensor[] = aten::split(%y, %sixteen, %m1)
  %q : Tensor, %k : Tensor, %v : Tensor = prim::ListUnpack(%list)
)IR",
                         "%k, %v"},
                    Form{"list_behind_a_reshape", R"IR(
  %sizes : int[] = prim::ListConstruct(%length, %rows, %all)
  %r : Tensor = aten::reshape(%y, %sizes)
  %list : Tensor[] = aten::chunk(%r, %three, %two)
  %q : Tensor, %k : Tensor, %v : Tensor = prim::ListUnpack(%list)
)IR",
                         "%k, %v"},
                    Form{"list_of_uneven_parts", R"IR(
  %list : Tensor[] = aten::split_with_sizes(%y, %uneven, %m1)
  %q : Tensor, %k : Tensor = prim::ListUnpack(%list)
)IR",
                         "%k", 2},
                    Form{"list_with_a_rest", R"IR(
  %list : Tensor[] = aten::split(%y, %twice, %m1)
  %q : Tensor, %k : Tensor = prim::ListUnpack(%list)
)IR",
                         "%k", 2},
                    Form{"chunks", R"IR(
  %q : Tensor, %k : Tensor, %v : Tensor = prim::ConstantChunk[chunks=3, dim=-1](%y)
)IR",
                         "%k, %v"}),
    [](const auto& info) { return info.param.name; });

class StaysPacked : public testing::TestWithParam<Form> {};

TEST(SplitProjectionsOfABias, ThatIsOneNumberStayPacked) {
  const auto graph = projection(R"IR(
  %shared : Tensor = aten::linear(%d, %weight, %half)
  %q : Tensor, %k : Tensor, %v : Tensor = prim::ConstantChunk[chunks=3, dim=-1](%shared)
)IR",
                                "%k, %v");
  const std::string before = graph->toString();
  split_projections(graph);
  EXPECT_EQ(graph->toString(), before);
}

TEST_P(StaysPacked, AsItWas) {
  const auto graph = projection(GetParam().views, GetParam().results);
  const std::string before = graph->toString();
  split_projections(graph);
  EXPECT_EQ(graph->toString(), before);
}

const std::string kFour = "  %sizes : int[] = prim::ListConstruct(%three, %sixteen)";

INSTANTIATE_TEST_SUITE_P(
    SplitProjections, StaysPacked,
    testing::Values(
        Form{"read_whole", kFour + kSteps + kSelects + "\n  %whole : int[] = aten::size(%p)", "%k"},
        Form{"written_to", kFour + kSteps + kSelects + "\n  %r : Tensor = aten::relu_(%k)", "%v"},
        Form{"unknown_number_of_parts",
             "  %sizes : int[] = prim::ListConstruct(%n, %four)" + kSteps + kSelects, "%k"},
        Form{"parts_that_do_not_divide_it",
             "  %sizes : int[] = prim::ListConstruct(%eight, %four)" + kSteps + kSelects, "%k"},
        Form{"sizes_of_another_tensor", R"IR(
  %more : int = aten::size(%other, %zero)
  %sizes : int[] = prim::ListConstruct(%more, %two, %three, %two, %n)
  %r : Tensor = aten::reshape(%y, %sizes)
  %p : Tensor = aten::permute(%r, %fronted)
)IR" + kSelects,
             "%k"},
        Form{"windows_of_time", R"IR(
  %sizes : int[] = prim::ListConstruct(%rows, %three, %m1)
  %r : Tensor = aten::reshape(%y, %sizes)
  %q : Tensor = aten::select(%r, %one, %zero)
)IR",
             "%x"},
        Form{"sizes_that_do_not_make_up_the_channels", R"IR(
  %sizes : int[] = prim::ListConstruct(%rows, %length, %three, %two, %inputs)
  %r : Tensor = aten::reshape(%y, %sizes)
  %p : Tensor = aten::permute(%r, %fronted)
)IR" + kSelects,
             "%k"},
        Form{"dimension_counted_from_an_unknown_end",
             kFour + kSteps + "\n  %q : Tensor = aten::select(%p, %m2, %one)\n", "%x"},
        Form{"parts_of_few_channels", R"IR(
  %list : Tensor[] = aten::split(%y, %eight, %m1)
  %q : Tensor, %1 : Tensor, %2 : Tensor, %3 : Tensor, %4 : Tensor, %5 : Tensor = prim::ListUnpack(%list)
)IR",
             "%1"},
        Form{"a_part_that_is_taken_twice",
             kFour + kSteps + kSelects + "\n  %again : Tensor = aten::select(%p, %zero, %one)",
             "%k, %again"},
        Form{"sizes_that_do_not_add_up", R"IR(
  %more : int[] = prim::Constant[value=[16, 16]]()
  %list : Tensor[] = aten::split_with_sizes(%y, %more, %m1)
  %q : Tensor, %k : Tensor = prim::ListUnpack(%list)
)IR",
             "%k"},
        Form{"another_dimension", R"IR(
  %sizes : int[] = prim::ListConstruct(%rows, %length, %three, %two, %eight)
  %r : Tensor = aten::reshape(%y, %sizes)
  %q : Tensor = aten::select(%r, %m1, %zero)
)IR",
             "%x"},
        Form{"list_along_rows", R"IR(
  %list : Tensor[] = aten::split(%y, %one, %one)
  %q : Tensor, %k : Tensor, %v : Tensor = prim::ListUnpack(%list)
)IR",
             "%k"},
        Form{"parts_that_nobody_quantizes", R"IR(
  %first : Tensor, %k : Tensor, %v : Tensor = prim::ConstantChunk[chunks=3, dim=-1](%y)
  %q : Tensor = aten::tanh(%first)
)IR",
             "%k"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace int8graph
