#include "ops/training_mode.h"

#include "ops/operator_table.h"

namespace int8graph {

std::optional<size_t> training_argument(std::string_view symbol) {
  constexpr size_t kTrainOfDropout = 2;
  constexpr size_t kTrainingOfBatchNorm = 5;
  const Operator* row = find_operator(symbol);
  if (row == nullptr) return {};
  if (row->name == "dropout") return kTrainOfDropout;
  if (row->name == "batch_norm") return kTrainingOfBatchNorm;
  return {};
}

}  // namespace int8graph
