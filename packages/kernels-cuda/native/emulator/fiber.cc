#include "fiber.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
// The registers that a call must keep (System V ABI) go to the old stack and come from the new one.
asm(R"(
.text
.type kvfoldChangeStack, @function
kvfoldChangeStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size kvfoldChangeStack, .-kvfoldChangeStack
)");
extern "C" void kvfoldChangeStack(void** from, void* to);

namespace kvfold::emulator {

void prepare(Context& context, unsigned char* stack, void (*body)()) {
  // six registers, the address that `ret` takes, and one more word so that the stack is aligned as after a call
  void** top = reinterpret_cast<void**>(stack + stackBytes) - 8;
  memset(top, 0, 8 * sizeof(void*));
  top[6] = reinterpret_cast<void*>(body);
  context.stackPointer = top;
}

void change(Context& from, Context& to) { kvfoldChangeStack(&from.stackPointer, to.stackPointer); }

}  // namespace kvfold::emulator

#else

namespace kvfold::emulator {

void prepare(Context& context, unsigned char* stack, void (*body)()) {
  getcontext(&context.registers);
  context.registers.uc_stack.ss_sp = stack;
  context.registers.uc_stack.ss_size = stackBytes;
  context.registers.uc_link = nullptr;
  makecontext(&context.registers, body, 0);
}

void change(Context& from, Context& to) { swapcontext(&from.registers, &to.registers); }

}  // namespace kvfold::emulator
#endif
