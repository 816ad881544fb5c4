#include "codec/kv/kv_quality.h"

#include <cassert>

#include "codec/kv/kv_bits.h"
#include "codec/kv/kv_quality_select.h"

namespace plait {
namespace {

const KvQualityKernels& KernelsOf(KvElement element) { return ActiveKvQualityKernels()[static_cast<size_t>(element)]; }

// The step exponents of one row after the other.
class StepRows {
 public:
  StepRows(KvElement element, const KvSteps& steps, size_t num_elements)
      : steps_(steps), kernels_(KernelsOf(element)), exponents_(steps.channel.size()) {
    assert(steps.refinements >= 1 && steps.refinements <= kKvMaxRefinements);
    rows_ = channels() == 0 ? 0 : num_elements / channels();
    assert(rows_ * channels() == num_elements);
    assert(steps.token.empty() || steps.token.size() == rows_);
    Compute(0);
  }

  size_t channels() const { return exponents_.size(); }
  size_t rows() const { return rows_; }

  const int16_t* Row(size_t row) {
    if (!steps_.token.empty()) Compute(steps_.token[row]);
    return exponents_.data();
  }

 private:
  void Compute(int token) {
    kernels_.step_exponents(steps_.channel.data(), token, steps_.refinements, channels(), exponents_.data());
  }

  const KvSteps& steps_;
  const KvQualityKernels& kernels_;
  size_t rows_;
  std::vector<int16_t> exponents_;
};

// body(step exponents, channels, place of the row's first element) for every row.
template <class Body>
void ForEachRow(KvElement element, const KvSteps& steps, size_t num_elements, Body body) {
  StepRows rows(element, steps, num_elements);
  for (size_t r = 0; r < rows.rows(); ++r) body(rows.Row(r), rows.channels(), r * rows.channels());
}

// The same for rows that come from bits, all of which must be used up; it ends where they do.
template <class Body>
absl::Status DecodeRows(KvElement element, const KvSteps& steps, size_t num_elements, std::string_view field,
                        std::span<const uint8_t> bits, Body body) {
  StepRows rows(element, steps, num_elements);
  KvBitSource source{bits};
  for (size_t r = 0; r < rows.rows() && !source.RanOut(); ++r) {
    body(rows.Row(r), rows.channels(), r * rows.channels(), source);
  }
  return FinishKvBits(source, field);
}

}  // namespace

void KvBaseIndices(KvElement element, const KvSteps& steps, std::span<const uint16_t> x, std::span<int16_t> indices) {
  assert(indices.size() == x.size());
  const KvQualityKernels& kernels = KernelsOf(element);
  ForEachRow(element, steps, x.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.base_indices(row_steps, &x[at], n, &indices[at]);
  });
}

void KvFirstDecisions(KvElement element, const KvSteps& steps, std::span<const uint16_t> x,
                      std::span<const int16_t> indices, std::span<uint8_t> states, std::span<uint8_t> bits) {
  assert(indices.size() == x.size() && states.size() == x.size() && bits.size() == x.size());
  const KvQualityKernels& kernels = KernelsOf(element);
  ForEachRow(element, steps, x.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.bit_states(&indices[at], n, &states[at]);
    kernels.first_decisions(row_steps, &x[at], &indices[at], n, &bits[at]);
  });
}

void KvRefinementEncode(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> x,
                        std::vector<uint8_t>* out) {
  assert(p >= 2 && p <= steps.refinements);
  const KvQualityKernels& kernels = KernelsOf(element);
  KvBitWriter writer(out);
  ForEachRow(element, steps, x.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.refinement_encode(row_steps, p, &x[at], n, writer.Reserve(n));
  });
  writer.Finish();
}

void KvExactEncode(KvElement element, const KvSteps& steps, std::span<const uint16_t> x, std::vector<uint8_t>* out) {
  const KvQualityKernels& kernels = KernelsOf(element);
  KvBitWriter writer(out);
  ForEachRow(element, steps, x.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.exact_encode(row_steps, steps.refinements, &x[at], n, writer.Reserve(n * kKvMaxExactBits));
  });
  writer.Finish();
}

void KvPrefixesOf(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> x,
                  std::span<uint16_t> prefixes) {
  assert(p >= 1 && p <= steps.refinements && prefixes.size() == x.size());
  const KvQualityKernels& kernels = KernelsOf(element);
  ForEachRow(element, steps, x.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.prefixes_of(row_steps, p, &x[at], n, &prefixes[at]);
  });
}

void KvBitStates(KvElement element, std::span<const int16_t> indices, std::span<uint8_t> states) {
  assert(states.size() == indices.size());
  KernelsOf(element).bit_states(indices.data(), indices.size(), states.data());
}

void KvPrefixes(KvElement element, const KvSteps& steps, std::span<const int16_t> indices,
                std::span<const uint8_t> bits, std::span<uint16_t> prefixes) {
  assert(bits.size() == indices.size() && prefixes.size() == indices.size());
  const KvQualityKernels& kernels = KernelsOf(element);
  ForEachRow(element, steps, indices.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.prefixes(row_steps, &indices[at], &bits[at], n, &prefixes[at]);
  });
}

absl::Status KvRefinementDecode(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint8_t> bits,
                                std::span<uint16_t> prefixes) {
  assert(p >= 2 && p <= steps.refinements);
  const KvQualityKernels& kernels = KernelsOf(element);
  return DecodeRows(element, steps, prefixes.size(), "refinement", bits,
                    [&](const int16_t* row_steps, size_t n, size_t at, KvBitSource& source) {
                      kernels.refinement_decode(row_steps, p, n, source, &prefixes[at]);
                    });
}

absl::Status KvExactDecode(KvElement element, const KvSteps& steps, std::span<const uint8_t> bits,
                           std::span<uint16_t> prefixes) {
  const KvQualityKernels& kernels = KernelsOf(element);
  return DecodeRows(element, steps, prefixes.size(), "exact layer", bits,
                    [&](const int16_t* row_steps, size_t n, size_t at, KvBitSource& source) {
                      kernels.exact_decode(row_steps, steps.refinements, n, source, &prefixes[at]);
                    });
}

void KvValuesOfIndices(KvElement element, const KvSteps& steps, std::span<const int16_t> indices,
                       std::span<uint16_t> values) {
  assert(values.size() == indices.size());
  const KvQualityKernels& kernels = KernelsOf(element);
  ForEachRow(element, steps, indices.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.values_of_indices(row_steps, &indices[at], n, &values[at]);
  });
}

void KvValuesOfPrefixes(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> prefixes,
                        std::span<uint16_t> values) {
  assert(p >= 1 && p <= steps.refinements && values.size() == prefixes.size());
  const KvQualityKernels& kernels = KernelsOf(element);
  ForEachRow(element, steps, prefixes.size(), [&](const int16_t* row_steps, size_t n, size_t at) {
    kernels.values_of_prefixes(row_steps, p, &prefixes[at], n, &values[at]);
  });
}

}  // namespace plait
