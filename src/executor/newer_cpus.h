#pragma once

/// The library is built for any x86-64 CPU, and functions marked with this for those that it is
/// meant for, too; which of them runs is chosen when the library is loaded. Loops become vectors
/// there. What they call has to be inlined.
///
/// Where INT8GRAPH_CPU_IS_NEWER is false, the CPU has no AVX2 and FMA, or the compiler could not do
/// it: GCC 12 can, for which INT8GRAPH_HAS_NEWER_CPUS is defined.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define INT8GRAPH_HAS_NEWER_CPUS
#define INT8GRAPH_FOR_NEWER_CPUS \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#define INT8GRAPH_CPU_IS_NEWER __builtin_cpu_supports("x86-64-v3")
#else
#define INT8GRAPH_FOR_NEWER_CPUS
#define INT8GRAPH_CPU_IS_NEWER false
#endif

namespace int8graph {

/// 1.5 * 2^23: added to a small float, it leaves the nearest integer, even if between two, in the
/// low bits.
inline constexpr float kToInteger = 12582912.0F;

}  // namespace int8graph
