#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

namespace int8graph {

/// Who reads the tensors of a partition's weights.
enum class Weights {
  Shared,  ///< others, too
  Owned,   ///< the partition's kernel alone, which may give back their memory
};

/// A weight in the layout that a primitive, or a kernel of our own, wants.
///
/// The memory of the tensor that it came from can be given back, where nobody else reads that, and
/// is restored from the packed form for whoever needs it after all. Until then the tensor, and
/// others over its storage, have sizes but no data.
class PackedWeight {
 public:
  /// @param plain how `weight` lies, in the dimensions of `layout`
  /// @throws dnnl::error if oneDNN can't bring it into `layout`
  PackedWeight(at::Tensor weight, dnnl::memory::desc plain, const dnnl::memory::desc& layout);

  const dnnl::memory& packed() const { return packed_; }

  /// Nothing happens for small weights, and where the packed form can't be read back.
  void give_back() const;
  void restore() const;

 private:
  bool can_be_read_back() const;

  const at::Tensor weight_;
  const dnnl::memory::desc plain_;
  const std::shared_ptr<std::byte> memory_;
  dnnl::memory packed_;       // over it
  mutable std::mutex mutex_;  // of what is done to the tensor
};

}  // namespace int8graph
