"""What an instruction asks of an SM: pipes with their rates, wavefronts of the memory pipe, latencies.

Which opcode runs on which pipe follows NVIDIA's profiling guide ("Pipelines") and its engineers' answers on the
developer forum (topics 302018 and 108729): the FMA pipe takes IMAD and FP32, the ALU pipe INT32 but IMAD, logic, binary
operations and moves of data; from GA10x on FMAheavy takes IMAD and FP32, FMAlite only FP32; each is 16 lanes wide in
each quarter of an SM. Rates are those of the programming guide's throughput table. README.md says what is not sure.
"""

import dataclasses

from sass import Instruction

# Pipes whose clocks are counted. Every instruction also takes an issue slot.
PIPES = ("issue", "alu", "fma", "xu", "mio", "tensor", "uniform")

_ALU = set("""BMSK CS2R F2FP FMNMX FMNMX3 FSEL FSET FSETP FSWZADD HMNMX2 HSET2 HSETP2 I2FP IABS IADD IADD3 IADD32I
IMNMX ISCADD ISETP LEA LEPC LOP LOP3 LOP32I MATCH MOV P2R PLOP3 PRMT R2P R2UR SEL SGXT SHF SHL SHR VABSDIFF VABSDIFF4
VIADD VIADDMNMX VIMNMX VIMNMX3 VOTE VOTEU""".split())
_FMA_HEAVY = set("IMAD IDP IDP4A IMUL".split())
_FMA_FLOAT = set("FFMA FMUL FADD FFMA32I FMUL32I FADD32I FADD2 FFMA2 FMUL2".split())
_HALF = set("HFMA2 HADD2 HMUL2 HADD2_32 HFMA2_32I".split())
_XU = set("MUFU POPC FLO BREV F2I I2F F2F FRND F2IP I2IP FCHK".split())
_TENSOR = set("HMMA IMMA BMMA QMMA OMMA".split())
_SHARED = set("LDS STS LDSM STSM ATOMS".split())
_GLOBAL = set("LDG STG LD ST LDL STL ATOMG ATOM RED REDG LDGSTS LDGDEPBAR".split())
_EXCHANGE = set("SHFL REDUX CREDUX".split())
_CONTROL = set("""ACQBULK BAR BMOV BRA BREAK BSSY BSYNC CALL CCTL DEPBAR ELECT ENDCOLLECTIVE ERRBAR EXIT FENCE LDC LDCU
MEMBAR NANOSLEEP NOP PREEXIT RET S2R S2UR SYNCS ULDC WARPSYNC YIELD""".split())

_DATA_BITS = {"U8": 8, "S8": 8, "U16": 16, "S16": 16, "64": 64, "128": 128, "256": 256}


class UnknownOpcode(Exception):
  """An opcode that no table here has: counting on would be guessing."""


def data_bits(instruction: Instruction) -> int:
  """How many bits each lane moves."""
  return next((_DATA_BITS[word] for word in instruction.modifiers if word in _DATA_BITS), 32)


def default_wavefronts(instruction: Instruction) -> float:
  """Clocks of the memory pipe if no two lanes collide: 128 bytes move in each."""
  if instruction.root in _EXCHANGE or instruction.root == "LDGDEPBAR":
    return 1
  if instruction.root in ("LDSM", "STSM"):
    return float(next((word for word in instruction.modifiers if word in ("2", "4")), 1))
  return max(1, data_bits(instruction) / 32)


def is_spill(instruction: Instruction) -> bool:
  """Local memory is where ptxas puts what finds no register, and arrays that are indexed."""
  return instruction.root in ("LDL", "STL")


def uses_memory_pipe(instruction: Instruction) -> bool:
  """Whether it goes through the queue of memory instructions and takes wavefronts there."""
  return instruction.root in _SHARED | _GLOBAL | _EXCHANGE


def _is_uniform(root: str) -> bool:
  return root.startswith("U") and root not in _CONTROL


@dataclasses.dataclass(frozen=True)
class Architecture:
  """Rates and limits of one SM."""
  name: str
  max_warps: int
  max_blocks: int
  registers: int
  shared_bytes: int
  float_lanes: int
  tensor_clocks: float  # of an m16n8k16 with 16-bit inputs

  def clocks(self, instruction: Instruction, wavefronts: float) -> dict[str, float]:
    """Returns SM-clocks per pipe of one warp-wide instruction; four schedulers issue one each in a clock."""
    costs = {"issue": 0.25}
    root = instruction.root
    if uses_memory_pipe(instruction):
      costs["mio"] = wavefronts
    elif root in _ALU:
      costs["alu"] = 32 / 64
    elif root in _FMA_HEAVY or root in _HALF:
      costs["fma"] = 32 / 64
    elif root in _FMA_FLOAT:
      costs["fma"] = 32 / self.float_lanes
    elif root in _XU:
      costs["xu"] = 32 / 16
    elif root in _TENSOR:
      costs["tensor"] = self.tensor_clocks
    elif _is_uniform(root):
      costs["uniform"] = 0.5
    elif root not in _CONTROL:
      raise UnknownOpcode(f"{instruction.opcode} at {instruction.address:#x}: found in no table of pipes.py")
    return costs


# Limits: programming guide, "Technical Specifications per Compute Capability". tensor_clocks: 2048 multiply-adds by the
# dense 16-bit rate with fp32 sums in the whitepapers (per clock and SM: A100 1024, RTX 4090 256, H100 2048). mma.sync
# reaches 62 % of H100's (arXiv 2402.13499), so half of it is taken there, and on B200. Integer lanes are taken as 64 everywhere, B200 included.
ARCHITECTURES = {
    arch.name: arch
    for arch in (
        Architecture("sm_80", 64, 32, 65536, 164 << 10, 64, 2),
        Architecture("sm_89", 48, 24, 65536, 100 << 10, 128, 8),
        Architecture("sm_90", 64, 32, 65536, 228 << 10, 128, 2),
        Architecture("sm_100", 64, 32, 65536, 228 << 10, 128, 2),
    )
}

# Clocks from issue to the result, one rounded set for every card, after the microbenchmarks of A100, H100 and RTX 4090
# in arXiv 2402.13499. A global access is "dram" unless the kernel's table says where it hits.
LATENCY = {
    "l1": 40,
    "l2": 265,
    "dram": 500,
    "shared": 30,
    "exchange": 25,
    "xu": 20,
    "tensor": 33,
    "special": 30,
    "operands": 15,
}


def latency(instruction: Instruction, memory: str | float) -> float:
  """Clocks until the scoreboard of its result clears; `memory` says where a global access hits, or its clocks."""
  root = instruction.root
  if is_spill(instruction):
    return LATENCY["l1"]
  if root in _GLOBAL:
    return LATENCY.get(memory, memory)
  if root in _SHARED:
    return LATENCY["shared"]
  if root in _EXCHANGE:
    return LATENCY["exchange"]
  if root in _XU:
    return LATENCY["xu"]
  if root in _TENSOR:
    return LATENCY["tensor"]
  return LATENCY["special"]
