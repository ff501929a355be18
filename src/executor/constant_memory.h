#pragma once

#include <cstddef>
#include <memory>

namespace int8graph {

/// Memory for a constant of so many bytes, at a multiple of 64. Undefined until written.
///
/// Constants lie side by side in pieces of address space that ask Linux for pages of 2 MB
/// (MADV_HUGEPAGE; no pages until they are written). In pages of 4 KB, reading all weights once a
/// call costs a walk through the page tables every 4 KB: 1 % of the time of ResNet-50, 1.5 % of
/// BERT-base's. Each piece goes once its last constant has gone. What pages a constant had for
/// itself are given back before that, of which Linux may fill some again, beside a neighbour that
/// stays.
///
/// The piece being filled is a process-wide cache; any thread may allocate and let go.
/// @throws std::bad_alloc
std::shared_ptr<std::byte> allocate_constant(size_t bytes);

}  // namespace int8graph
