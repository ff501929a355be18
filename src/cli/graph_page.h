#pragma once

#include <string>
#include <vector>

#include "quantize/inspection.h"

namespace int8graph {

/// One self-contained HTML page with the graph of an artifact drawn: no script, nothing to be
/// fetched, light and dark by the reader's preference.
/// @param times_us microseconds per call of each node; empty if not profiled.
std::string graph_page(const std::string& title, const Inspection& graph,
                       const std::vector<double>& times_us);

}  // namespace int8graph
