#pragma once

#include <cstddef>
#include <string_view>

#include "int8graph/export.h"

namespace int8graph {

/// INT8GRAPH_DISABLE=1: artifacts run unfused. Read at each call, so that a process can switch.
/// Exported for the program int8graph.
INT8GRAPH_API bool is_disabled();

/// INT8GRAPH_VERBOSE=1: partitions, compilations and fall-backs are told on stderr. Read once.
bool is_verbose();

/// INT8GRAPH_CACHE_CAPACITY: how many input shapes each partition keeps compiled (default 16).
/// Linear layers need what they keep for a few numbers of rows only, and keep all of it. Read once;
/// values that are no positive number are told on stderr and ignored.
size_t compile_cache_capacity();

/// Writes "int8graph: <message>" to stderr as one line, in one piece even from several threads.
void log(std::string_view message);

/// log() for what is told in verbose mode only. `make_message` runs only then.
template <typename MakeMessage>
void log_verbose(const MakeMessage& make_message) {
  if (is_verbose()) log(make_message());
}

}  // namespace int8graph
