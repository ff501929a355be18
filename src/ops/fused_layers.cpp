#include "ops/fused_layers.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/ir/ir.h>

#include <string>

#include "ops/graph_walk.h"

namespace int8graph {

namespace jit = torch::jit;

namespace {

// Masks tell what is left out: of queries and keys [L, L] (type 0), of keys [B, L] (type 1) or of
// all scores [B, heads, L, L] (type 2). A mask of numbers leaves out what is not 0, as in PyTorch
// (masked_softmax in ATen/native/transformers/attention.cpp).
constexpr const char* kDefinitions = R"(
def kept(mask: Optional[Tensor], mask_type: Optional[int]) -> Optional[Tensor]:
    result = mask
    if mask is not None:
        keep = torch.logical_not(mask)
        if mask_type is not None and mask_type == 1:
            keep = keep.unsqueeze(1).unsqueeze(1)
        result = keep
    return result

def _native_multi_head_attention(
        query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_head: int,
        qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
        mask: Optional[Tensor], need_weights: bool, average_attn_weights: bool,
        mask_type: Optional[int]) -> Tuple[Tensor, Optional[Tensor]]:
    packed = torch.linear(query, qkv_weight, qkv_bias)
    head_dim = embed_dim // num_head
    sizes = [query.size(0), query.size(1), 3, num_head, head_dim]
    parts = packed.reshape(sizes).permute([2, 0, 3, 1, 4])
    q, k, v = parts[0], parts[1], parts[2]
    keep = kept(mask, mask_type)
    weights: Optional[Tensor] = None
    if need_weights:
        scores = torch.matmul(q * (1.0 / head_dim) ** 0.5, k.transpose(-2, -1))
        if keep is not None:
            scores = torch.where(keep, scores, float("-inf"))
        probabilities = torch.softmax(scores, -1)
        heads = torch.matmul(probabilities, v)
        weights = probabilities
        if average_attn_weights:
            weights = probabilities.mean(1)
    else:
        heads = torch.scaled_dot_product_attention(
            q, k, v, keep, 0.0, False, scale=(1.0 / head_dim) ** 0.5)
    joined = heads.transpose(1, 2).reshape([query.size(0), query.size(1), embed_dim])
    return torch.linear(joined, proj_weight, proj_bias), weights

def _transformer_encoder_layer_fwd(
        src: Tensor, embed_dim: int, num_heads: int,
        qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
        use_gelu: bool, norm_first: bool, eps: float,
        norm_weight_1: Tensor, norm_bias_1: Tensor, norm_weight_2: Tensor, norm_bias_2: Tensor,
        ffn_weight_1: Tensor, ffn_bias_1: Tensor, ffn_weight_2: Tensor, ffn_bias_2: Tensor,
        mask: Optional[Tensor], mask_type: Optional[int]) -> Tensor:
    x = src
    if norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)
    attended = _native_multi_head_attention(
        x, x, x, embed_dim, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, mask,
        False, False, mask_type)
    x = src + attended[0]
    if not norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)
    residual = x
    if norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_2, norm_bias_2, eps)
    x = torch.linear(x, ffn_weight_1, ffn_bias_1)
    if use_gelu:
        x = torch.gelu(x)
    else:
        x = torch.relu(x)
    x = residual + torch.linear(x, ffn_weight_2, ffn_bias_2)
    if not norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_2, norm_bias_2, eps)
    return x
)";

const c10::Symbol kNestedFromMask = c10::Symbol::fromQualString("aten::_nested_tensor_from_mask");

constexpr std::string_view kAttention = "aten::_native_multi_head_attention";
constexpr std::string_view kEncoderLayer = "aten::_transformer_encoder_layer_fwd";

/// Positions in the schema of _native_multi_head_attention; the encoder layer's source is its first
/// argument, too.
enum Argument : size_t { kQuery, kKey, kValue };

/// nn.TransformerEncoder makes a nested tensor of a batch and its padding mask.
bool makes_nested_tensors(const jit::Graph& graph) {
  return any_node(*graph.block(),
                  [](const jit::Node& node) { return node.kind() == kNestedFromMask; });
}

}  // namespace

jit::Function* definition_of(std::string_view symbol) {
  if (symbol != kAttention && symbol != kEncoderLayer) return nullptr;
  static jit::CompilationUnit* const definitions = [] {
    auto* unit = new jit::CompilationUnit();  // never freed, as threads may outlive main()
    unit->define(std::nullopt, kDefinitions, jit::nativeResolver(), nullptr);
    return unit;
  }();
  symbol.remove_prefix(std::string_view("aten::").size());
  return definitions->find_function(std::string(symbol));
}

bool is_defined_for(std::string_view symbol, c10::ArrayRef<c10::IValue> arguments) {
  if (arguments.empty() || !arguments[kQuery].isTensor()) return false;
  const at::Tensor& source = arguments[kQuery].toTensor();
  if (!source.defined() || source.is_nested() || source.dim() != 3) return false;
  if (symbol != kAttention) return true;
  return source.is_same(arguments[kKey].toTensor()) && source.is_same(arguments[kValue].toTensor());
}

Defined definedness_of(const jit::Node& layer) {
  const bool is_attention = layer.kind().toQualString() == kAttention;
  const jit::Value* source = layer.input(kQuery);
  if (is_attention && (layer.input(kKey) != source || layer.input(kValue) != source)) {
    return Defined::No;
  }
  return makes_nested_tensors(*layer.owningGraph()) ? Defined::UnlessNested : Defined::Yes;
}

}  // namespace int8graph
