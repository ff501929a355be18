#include "onednn/onednn_loader.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_graph.h>
#include <oneapi/dnnl/dnnl_version.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#ifndef __x86_64__
#error "int8graph is for x86-64: oneDNN's int8 kernels are, and so are the trampolines below."
#endif

static_assert(DNNL_VERSION_MAJOR == INT8GRAPH_ONEDNN_MAJOR &&
                  DNNL_VERSION_MINOR == INT8GRAPH_ONEDNN_MINOR,
              "Not the oneDNN headers that CMake found: torch's own are first in the search path.");

namespace {

/// What every slot leads to before load_onednn().
[[noreturn]] void not_loaded() {
  std::fputs("int8graph: oneDNN was called before load_onednn()\n", stderr);
  std::abort();
}

}  // namespace

// For each function one slot with its address, and one hidden symbol of the function's own name
// that jumps there. A jump leaves arguments and return address as they are, so that signatures
// don't matter.
// clang-format off
#define INT8GRAPH_ONEDNN_FUNCTION(name)                               \
  extern "C" {                                                        \
  __attribute__((visibility("hidden"))) void* int8graph_slot_##name = \
      reinterpret_cast<void*>(&not_loaded);                           \
  }                                                                   \
  asm(".text\n"                                                       \
      ".globl " #name "\n"                                            \
      ".hidden " #name "\n"                                           \
      ".type " #name ", @function\n"                                  \
      #name ":\n"                                                     \
      "  endbr64\n"                                                   \
      "  jmp *int8graph_slot_" #name "(%rip)\n"                       \
      ".size " #name ", .-" #name "\n");
// clang-format on
#include "onednn_functions.inc"
#undef INT8GRAPH_ONEDNN_FUNCTION

namespace int8graph {
namespace {

struct Function {
  const char* name;
  void** slot;
};

constexpr Function kFunctions[] = {
#define INT8GRAPH_ONEDNN_FUNCTION(name) {#name, &int8graph_slot_##name},
#include "onednn_functions.inc"
#undef INT8GRAPH_ONEDNN_FUNCTION
};

// The search path (RUNPATH) of the binary this file is linked into tells where the library is.
constexpr const char* kLibrary = "libdnnl.so.3";

#if defined(__SANITIZE_ADDRESS__)
constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL;  // AddressSanitizer refuses RTLD_DEEPBIND
#else
constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif

std::string in_words(int major, int minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

void* find(void* library, const char* name, const std::string& path) {
  void* address = dlsym(library, name);
  if (address == nullptr) {
    throw std::runtime_error("int8graph: " + path + " has no function " + name +
                             "; was it built without the Graph API?");
  }
  return address;
}

CpuFeatures features_of(dnnl_cpu_isa_t isa) {
  const bool is_older = isa == dnnl_cpu_isa_default || isa == dnnl_cpu_isa_sse41 ||
                        isa == dnnl_cpu_isa_avx || isa == dnnl_cpu_isa_avx2;
  const bool is_avx2_vnni = isa == dnnl_cpu_isa_avx2_vnni || isa == dnnl_cpu_isa_avx2_vnni_2;
  return {.vnni = !is_older && isa != dnnl_cpu_isa_avx512_core,
          .avx512 = !is_older && !is_avx2_vnni,
          .amx = (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx};
}

OneDnnLibrary open_library() {
  // Never closed: compiled partitions and PyTorch's operator registry may outlive any owner.
  void* library = dlopen(kLibrary, kOpenFlags);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw std::runtime_error(
        std::string("int8graph: can't open oneDNN: ") + (reason ? reason : kLibrary) +
        ". It comes with the Python package onednn-cpu-gomp==2023.2.0, or stands where the build "
        "found it.");
  }

  auto* version_of =
      reinterpret_cast<decltype(&dnnl_version)>(find(library, "dnnl_version", kLibrary));
  Dl_info file{};
  dladdr(reinterpret_cast<void*>(version_of), &file);
  const dnnl_version_t* found = version_of();
  OneDnnLibrary result{found->major, found->minor, found->patch, found->hash,
                       file.dli_fname != nullptr ? file.dli_fname : kLibrary};
  if (result.major != DNNL_VERSION_MAJOR || result.minor != DNNL_VERSION_MINOR) {
    throw std::runtime_error("int8graph: " + result.path + " is oneDNN " +
                             in_words(result.major, result.minor) + "; int8graph was built for " +
                             in_words(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR));
  }
  if (found->cpu_runtime != DNNL_RUNTIME_OMP) {
    throw std::runtime_error(
        "int8graph: " + result.path + " is not built for OpenMP (its CPU runtime has the number " +
        std::to_string(found->cpu_runtime) + ", OpenMP " + std::to_string(DNNL_RUNTIME_OMP) + ")");
  }
  for (const Function& function : kFunctions) {
    *function.slot = find(library, function.name, result.path);
  }
  result.cpu = features_of(dnnl_get_effective_cpu_isa());
  return result;
}

}  // namespace

const OneDnnLibrary& load_onednn() {
  static const OneDnnLibrary library = open_library();
  return library;
}

}  // namespace int8graph
