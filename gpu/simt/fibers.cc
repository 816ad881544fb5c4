#include "gpu/simt/fibers.h"

#include <memory>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace plait::simt {
namespace {

// Lane values are 128 bytes each and a body keeps a few hundred of them, more so without optimisation.
constexpr size_t kStackBytes = size_t{1} << 20;

// Hands a stack back when Boost destroys the fiber on it.
struct PooledStack {
  StackPool* pool;
  boost::context::stack_context allocate() { return pool->Take(); }
  void deallocate(boost::context::stack_context& stack) { pool->Give(stack); }
};

// Frames that a fiber never returned from have left their red zones, whatever the memory is used for next.
void ForgetFrames([[maybe_unused]] const boost::context::stack_context& stack) {
#ifdef __SANITIZE_ADDRESS__
  ASAN_UNPOISON_MEMORY_REGION(static_cast<char*>(stack.sp) - stack.size, stack.size);
#endif
}

}  // namespace

StackPool::StackPool() : allocator_(kStackBytes) {}

StackPool::~StackPool() {
  for (boost::context::stack_context& stack : free_) {
    ForgetFrames(stack);
    allocator_.deallocate(stack);
  }
}

boost::context::stack_context StackPool::Take() {
  if (free_.empty()) return allocator_.allocate();
  const boost::context::stack_context stack = free_.back();
  free_.pop_back();
  ForgetFrames(stack);
  return stack;
}

Fiber::Fiber(StackPool& pool, std::function<void(Fiber&)> function) {
  PooledStack allocator{&pool};
  const boost::context::stack_context stack = allocator.allocate();
  inside_.stack_bottom = static_cast<const char*>(stack.sp) - stack.size;
  inside_.stack_bytes = stack.size;
  const boost::context::preallocated place(stack.sp, stack.size, stack);
  fiber_ = boost::context::fiber(std::allocator_arg, place, allocator,
                                 [this, function = std::move(function)](boost::context::fiber&& caller) {
                                   AfterSwitch(inside_, &outside_);
                                   caller_ = std::move(caller);
                                   function(*this);
                                   finished_ = true;
                                   BeforeSwitch(inside_, outside_, true);
                                   return std::move(caller_);
                                 });
}

void Fiber::Resume() {
  BeforeSwitch(outside_, inside_, false);
  fiber_ = std::move(fiber_).resume();
  AfterSwitch(outside_, nullptr);
}

void Fiber::Suspend() {
  BeforeSwitch(inside_, outside_, false);
  caller_ = std::move(caller_).resume();
  AfterSwitch(inside_, &outside_);
}

#if defined(__SANITIZE_ADDRESS__)
void Fiber::BeforeSwitch(Side& from, const Side& to, bool from_ends) {
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.fake_stack, to.stack_bottom, to.stack_bytes);
}

void Fiber::AfterSwitch(Side& here, Side* other) {
  __sanitizer_finish_switch_fiber(here.fake_stack, other == nullptr ? nullptr : &other->stack_bottom,
                                  other == nullptr ? nullptr : &other->stack_bytes);
}
#else
void Fiber::BeforeSwitch(Side&, const Side&, bool) {}
void Fiber::AfterSwitch(Side&, Side*) {}
#endif

}  // namespace plait::simt
