#pragma once

#include <ATen/core/Tensor.h>

#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

namespace int8graph {

/// Who reads the tensors of a partition's weights.
enum class Weights {
  Shared,  ///< others, too
  Owned,   ///< the partition's kernel alone, which may give back their memory
};

/// A weight in the layout that a primitive wants: some 4.5 ns for each of its bytes.
///
/// An owned tensor's memory is given back. It is restored from the packed form for whoever needs it
/// after all; until then the tensor, and others over its storage, have sizes but no data.
class PackedWeight {
 public:
  /// @param plain how `weight` lies, in the primitive's dimensions
  /// @throws dnnl::error if oneDNN can't bring it into `layout`
  PackedWeight(at::Tensor weight, dnnl::memory::desc plain, const dnnl::memory::desc& layout,
               Weights ownership);

  const dnnl::memory& packed() const { return packed_; }

  void restore() const;

 private:
  bool can_be_read_back() const;

  const at::Tensor weight_;
  const dnnl::memory::desc plain_;
  dnnl::memory packed_;
  mutable std::mutex mutex_;  // of restore()
};

}  // namespace int8graph
