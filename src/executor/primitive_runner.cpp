#include "executor/primitive_runner.h"

#include <ATen/core/Tensor.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/SmallVector.h>

#include "executor/onednn_runtime.h"
#include "executor/profile.h"

namespace int8graph {

using dnnl::memory;

namespace {

/// A thread keeps scratch memory of up to this size for all its calls, of which one runs at a time.
constexpr size_t kKept = 256 << 10;  // bytes

class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    if (bytes == 0) return;
    if (bytes > kKept) {
      own_ = c10::GetCPUAllocator()->allocate(bytes);
      data_ = own_.get();
      return;
    }
    thread_local at::DataPtr kept;
    if (!kept) kept = c10::GetCPUAllocator()->allocate(kKept);
    data_ = kept.get();
  }

  void* data() const { return data_; }

 private:
  at::DataPtr own_;
  void* data_ = nullptr;
};

void check(dnnl_status_t status, const char* message) {
  dnnl::error::wrap_c_api(status, message);
}

void point(const memory& argument, const void* data) {
  check(dnnl_memory_set_data_handle(argument.get(), const_cast<void*>(data)),
        "oneDNN did not take the memory of a primitive's argument");
}

/// Lets the CPU fetch what a call reads of its arguments, all of them at once. The kernels since
/// the last call have emptied its caches, and oneDNN reads one after the other.
void fetch(std::span<const dnnl_exec_arg_t> arguments) {
  // Where dnnl_memory of oneDNN 3.2 points to its data. A wrong guess costs time and nothing else.
  constexpr size_t kPointer = 0x2a0;
  for (const dnnl_exec_arg_t& argument : arguments) {
    __builtin_prefetch(reinterpret_cast<const char*>(argument.memory) + kPointer);
  }
}

}  // namespace

struct PrimitiveRunner::Call {
  c10::SmallVector<memory, 5> memories;  // of `places_`, then the scratchpad
  c10::SmallVector<dnnl_exec_arg_t, 10> arguments;
};

PrimitiveRunner::IdleCalls::~IdleCalls() {
  for (std::atomic<Call*>& slot : slots_) delete slot.load();
}

std::unique_ptr<PrimitiveRunner::Call> PrimitiveRunner::IdleCalls::take() {
  for (std::atomic<Call*>& slot : slots_) {
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    if (Call* call = slot.exchange(nullptr, std::memory_order_acquire)) {
      return std::unique_ptr<Call>(call);
    }
  }
  return nullptr;
}

void PrimitiveRunner::IdleCalls::put(std::unique_ptr<Call> call) {
  for (std::atomic<Call*>& slot : slots_) {
    Call* empty = nullptr;
    if (slot.compare_exchange_strong(empty, call.get(), std::memory_order_release,
                                     std::memory_order_relaxed)) {
      call.release();
      return;
    }
  }
}

PrimitiveRunner::PrimitiveRunner(const dnnl::primitive_desc_base& description,
                                 PrimitiveConstants constants, std::vector<int> places)
    : primitive_(description.get()),
      constants_(std::move(constants)),
      places_(std::move(places)),
      scratch_bytes_(description.scratchpad_desc().get_size()) {}

/// The primitive's own, which equal primitives share: one of a matmul takes 72 KB, so another for
/// each block size of each layer of BERT-base would take 140 MB.
dnnl::primitive_desc_base PrimitiveRunner::description() const {
  dnnl::primitive_desc_base result;
  result.reset(const_cast<dnnl_primitive_desc_t>(primitive_.get_primitive_desc()), /*weak=*/true);
  return result;
}

std::unique_ptr<PrimitiveRunner::Call> PrimitiveRunner::new_call() const {
  auto call = std::make_unique<Call>();
  const dnnl::primitive_desc_base known = description();
  const auto add = [&](int place) {
    const memory::desc desc = known.query_md(dnnl::query::exec_arg_md, place);
    call->memories.emplace_back(desc, onednn_engine(), nullptr);
    call->arguments.push_back({place, call->memories.back().get()});
  };
  call->arguments.assign(constants_.arguments().begin(), constants_.arguments().end());
  for (const int place : places_) add(place);
  if (scratch_bytes_ > 0) add(DNNL_ARG_SCRATCHPAD);
  return call;
}

void PrimitiveRunner::run(std::span<const void* const> data) const {
  TORCH_INTERNAL_ASSERT_DEBUG_ONLY(data.size() == places_.size());
  std::unique_ptr<Call> call = idle_->take();
  if (!call) call = new_call();
  fetch(call->arguments);
  for (size_t i = 0; i < places_.size(); ++i) point(call->memories[i], data[i]);
  const Scratch scratch(scratch_bytes_);
  if (scratch_bytes_ > 0) point(call->memories.back(), scratch.data());
  {
    const KernelTimer timer;
    check(dnnl_primitive_execute(primitive_.get(), onednn_stream().get(),
                                 static_cast<int>(call->arguments.size()), call->arguments.data()),
          "oneDNN could not run a primitive");
  }
  idle_->put(std::move(call));
}

std::string PrimitiveRunner::sizes(int place) const {
  const memory::desc desc = description().query_md(dnnl::query::exec_arg_md, place);
  return c10::str(at::IntArrayRef(desc.get_dims()));
}

}  // namespace int8graph
