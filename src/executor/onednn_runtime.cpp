#include "executor/onednn_runtime.h"

#include "onednn/onednn_loader.h"

namespace int8graph {

const dnnl::engine& onednn_engine() {
  static const dnnl::engine engine = [] {
    load_onednn();
    dnnl::graph::set_constant_tensor_cache(1);
    // What is compiled is kept by SnapshotCache, in the number that the user sets. oneDNN's own
    // cache of compiled partitions would keep what that has dropped, with its packed weights.
    dnnl::graph::set_compiled_partition_cache_capacity(0);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return engine;
}

dnnl::stream& onednn_stream() {
  thread_local dnnl::stream stream(onednn_engine());
  return stream;
}

}  // namespace int8graph
