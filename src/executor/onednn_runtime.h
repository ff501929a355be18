#pragma once

#include <oneapi/dnnl/dnnl_graph.hpp>

namespace int8graph {

/// The CPU engine that everything is compiled for. The first call opens oneDNN and switches its
/// constant cache on, so that weights are packed once for each compiled partition.
const dnnl::engine& onednn_engine();

/// This thread's stream. oneDNN's CPU streams hold no work: a call returns when it is done.
dnnl::stream& onednn_stream();

}  // namespace int8graph
