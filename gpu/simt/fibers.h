// Fibers for the host executor: Boost.Context's, with stacks that are kept for the next one, guard pages below them,
// and the switches announced to AddressSanitizer.
#ifndef PLAIT_GPU_SIMT_FIBERS_H_
#define PLAIT_GPU_SIMT_FIBERS_H_

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <functional>
#include <vector>

namespace plait::simt {

// Stacks that outlive their fibers. Not thread-safe: one per thread.
class StackPool {
 public:
  StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  ~StackPool();

  boost::context::stack_context Take();
  void Give(const boost::context::stack_context& stack) { free_.push_back(stack); }

 private:
  boost::context::protected_fixedsize_stack allocator_;
  std::vector<boost::context::stack_context> free_;
};

// A function that can stop in the middle. It must have returned before the fiber is destroyed.
class Fiber {
 public:
  // `function` may not throw.
  Fiber(StackPool& pool, std::function<void(Fiber&)> function);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs it until it suspends or returns. Called from outside.
  void Resume();
  // Goes back to who resumed it. Called from inside.
  void Suspend();

  bool finished() const { return finished_; }

 private:
  // What AddressSanitizer wants to know of a switch; nothing without it.
  struct Side {
    void* fake_stack = nullptr;
    const void* stack_bottom = nullptr;
    size_t stack_bytes = 0;
  };
  static void BeforeSwitch(Side& from, const Side& to, bool from_ends);
  static void AfterSwitch(Side& here, Side* other);

  boost::context::fiber fiber_;   // where to go on inside
  boost::context::fiber caller_;  // where to go on outside
  Side inside_, outside_;
  bool finished_ = false;
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_FIBERS_H_
