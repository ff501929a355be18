/// The artifact uses PyTorch's quantized dtypes on purpose: they are what makes it run in a stock
/// libtorch. PyTorch 2.13 warns once in a process that they are deprecated, which a user of
/// int8graph neither caused nor can mend. That one warning is used up here, unheard, when the
/// library is loaded.

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

namespace int8graph {

namespace {

class Unheard final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& /*warning*/) override {}
};

const bool kSilenced = [] {
  Unheard handler;
  const c10::WarningUtils::WarningHandlerGuard guard(&handler);
  at::quantize_per_tensor(at::zeros({1}), 1.0, 0, at::kQUInt8);
  return true;
}();

}  // namespace

}  // namespace int8graph
