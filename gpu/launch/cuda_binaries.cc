#include "gpu/launch/cuda_binaries.h"

// PLAIT_CUDA_BINARIES is the folder that they are built in.
#define PLAIT_EMBED(KERNEL)                                 \
  asm(".section .rodata\n.balign 64\n.global plait_" KERNEL \
      "_fatbin\n"                                           \
      "plait_" KERNEL "_fatbin:\n.incbin \"" PLAIT_CUDA_BINARIES "/" KERNEL ".fatbin\"\n.previous")

PLAIT_EMBED("block_bind");
PLAIT_EMBED("block_copy");
PLAIT_EMBED("huffman_decode");
PLAIT_EMBED("tier_decode");
PLAIT_EMBED("tier_gemv");
