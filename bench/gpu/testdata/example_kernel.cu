// What the tests of the counting script count: a loop with a table in shared memory, shuffles and a rare branch.

constexpr int kTableEntries = 256;
constexpr unsigned kWholeWarp = 0xffffffffu;

__global__ void ExampleKernel(const uint4* words, const unsigned* table, float* sums, unsigned* rare, int num_groups) {
  __shared__ unsigned entries[kTableEntries];
  entries[threadIdx.x] = table[threadIdx.x];
  __syncthreads();
  const int lane = threadIdx.x % 32;
  float sum = 0;
#pragma unroll 1
  for (int group = 0; group < num_groups; ++group) {
    const uint4 word = words[group * 32 + lane];
    const unsigned entry = entries[word.x % kTableEntries];
    sum += __uint_as_float(__byte_perm(word.y, entry, word.z)) * __uint_as_float(word.w);
    if (__any_sync(kWholeWarp, entry == 0)) {
      rare[lane] = group;
    }
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(kWholeWarp, sum, distance);
  }
  if (lane == 0) {
    sums[blockIdx.x] = sum;
  }
}
