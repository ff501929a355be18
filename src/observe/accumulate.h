#pragma once

#include <cstddef>
#include <vector>

#include "int8graph/calibration.h"
#include "int8graph/quant_conf.h"
#include "observe/observation.h"

namespace int8graph {

/// Adds what one calibration scope saw to the entries of earlier scopes, or of a file.
///
/// - Without earlier entries there is one entry per call, and the recipe decides its flags. Flags
///   are never set again, so that those of a file stay as its user wrote them; only an operator
///   that holds what 8 bits can't (an infinity, or a number beyond 1e30 such as a mask's lowest
///   float) loses them at any time.
/// - Ranges are gathered by the entry's algorithm. Those of a file start from what its scales and
///   zero points express; histograms, for least_error, start empty. Scales, zero points and weight
///   scales are computed anew each time.
/// - A scope may hold several forwards in a row: see forwards_in().
///
/// @throws std::invalid_argument when the calls are not those that the entries name, when an
///   activation or weight holds a NaN, or one of a compute operator an infinity. It names the
///   operator, what was found and what was expected.
std::vector<OperatorEntry> accumulate(const std::vector<ObservedCall>& calls,
                                      std::vector<OperatorEntry> entries, QScheme qscheme,
                                      const CalibrationOptions& options);

/// How many forwards of one model a scope over an empty configuration holds: the greatest k such
/// that the calls are k times the same operators with the very same weights, of which no part was
/// computed from an earlier part's results. That tells a loop of forwards from a model that repeats
/// a layer, whose repetitions have weights of their own or feed one another. Calls without any
/// weight are one forward. A model that runs all its layers on two independent inputs and does
/// nothing with both results that is recorded looks like two forwards.
size_t forwards_in(const std::vector<ObservedCall>& calls);

}  // namespace int8graph
