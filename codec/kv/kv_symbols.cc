#include "codec/kv/kv_symbols.h"

#include <algorithm>
#include <cassert>

#include "codec/base/status.h"
#include "codec/kv/kv_bits.h"
#include "codec/kv/kv_symbols_select.h"

namespace plait {
namespace {

const KvSymbolKernels& KernelsOf(KvElement element) { return ActiveKvSymbolKernels()[static_cast<size_t>(element)]; }

// Loops over indices are the same for every element type.
const KvSymbolKernels& IndexKernels() { return KernelsOf(KvElement::kBf16); }

// body(place of the row's first element, row) for every row.
template <class Body>
void ForEachRow(size_t num_elements, size_t channels, Body body) {
  const size_t rows = channels == 0 ? 0 : num_elements / channels;
  assert(rows * channels == num_elements);
  for (size_t r = 0; r < rows; ++r) body(r * channels, r);
}

absl::Status CheckSize(std::string_view field, size_t found, size_t expected) {
  if (found == expected) return absl::OkStatus();
  const std::string message = FoundExpected(field, absl::StrCat(found, " bytes"), expected);
  return found < expected ? absl::OutOfRangeError(message) : absl::DataLossError(message);
}

// `put(escapes)` writes what the escapes among `symbols` stand for, and nothing else.
template <class Put>
void AppendEscapes(const KvSymbolKernels& kernels, std::span<const uint8_t> symbols, std::vector<uint8_t>* escapes,
                   Put put) {
  const size_t before = escapes->size();
  escapes->resize(before + 2 * kernels.count_escapes(symbols.data(), symbols.size()));
  [[maybe_unused]] const uint8_t* end = put(escapes->data() + before);
  assert(end == escapes->data() + escapes->size());
}

// KvIndexChannel, member by member.
class IndexColumns {
 public:
  explicit IndexColumns(std::span<const KvIndexChannel> channels) {
    for (const KvIndexChannel& channel : channels) {
      assert(channel.shift <= kKvMaxShift);
      center_.push_back(channel.center);
      shift_.push_back(channel.shift);
      max_shift_ = std::max<unsigned>(max_shift_, channel.shift);
    }
  }
  KvIndexColumns get() const { return {center_.data(), shift_.data(), max_shift_}; }

 private:
  std::vector<int16_t> center_;
  std::vector<uint16_t> shift_;
  unsigned max_shift_ = 0;
};

}  // namespace

void KvHeadSymbols(KvElement element, std::span<const int16_t> offset, std::span<const uint16_t> x,
                   std::span<uint8_t> symbols) {
  assert(symbols.size() == x.size());
  const KvSymbolKernels& kernels = KernelsOf(element);
  ForEachRow(x.size(), offset.size(),
             [&](size_t at, size_t) { kernels.head_symbols(offset.data(), &x[at], offset.size(), &symbols[at]); });
}

void KvHeadEscapes(KvElement element, std::span<const uint8_t> symbols, std::span<const uint16_t> x,
                   std::vector<uint8_t>* escapes) {
  assert(symbols.size() == x.size());
  const KvSymbolKernels& kernels = KernelsOf(element);
  AppendEscapes(kernels, symbols, escapes,
                [&](uint8_t* at) { return kernels.head_escapes(symbols.data(), x.data(), x.size(), at); });
}

void KvMantissas(KvElement element, size_t channels, std::span<const uint16_t> x, std::vector<uint8_t>* out) {
  const KvSymbolKernels& kernels = KernelsOf(element);
  const size_t row_bytes = KvMantissaBytes(GetKvElementInfo(element), channels);
  const size_t before = out->size();
  out->resize(before + (channels == 0 ? 0 : x.size() / channels * row_bytes));
  ForEachRow(x.size(), channels, [&](size_t at, size_t row) {
    kernels.mantissas(&x[at], channels, out->data() + before + row * row_bytes);
  });
}

absl::Status KvJoinHeads(KvElement element, std::span<const int16_t> offset, std::span<const uint8_t> symbols,
                         std::span<const uint8_t> escapes, std::span<const uint8_t> mantissas, std::span<uint16_t> x) {
  assert(symbols.size() == x.size());
  const KvSymbolKernels& kernels = KernelsOf(element);
  const size_t channels = offset.size();
  const size_t row_bytes = KvMantissaBytes(GetKvElementInfo(element), channels);
  PLAIT_RETURN_IF_ERROR(
      CheckSize("escapes", escapes.size(), 2 * kernels.count_escapes(symbols.data(), symbols.size())));
  PLAIT_RETURN_IF_ERROR(CheckSize("mantissas", mantissas.size(), channels == 0 ? 0 : x.size() / channels * row_bytes));
  bool good = true;
  const uint8_t* escape = escapes.data();
  ForEachRow(x.size(), channels, [&](size_t at, size_t row) {
    good &=
        kernels.join_heads(offset.data(), &symbols[at], mantissas.data() + row * row_bytes, channels, &escape, &x[at]);
  });
  return good ? absl::OkStatus()
              : absl::DataLossError("heads: found a symbol, an escape or a filling that no encoder writes");
}

void KvIndexSymbols(std::span<const KvIndexChannel> channels, std::span<const int16_t> indices,
                    std::span<uint8_t> symbols) {
  assert(symbols.size() == indices.size());
  const IndexColumns columns(channels);
  ForEachRow(indices.size(), channels.size(), [&](size_t at, size_t) {
    IndexKernels().index_symbols(columns.get(), &indices[at], channels.size(), &symbols[at]);
  });
}

void KvIndexEscapes(std::span<const uint8_t> symbols, std::span<const int16_t> indices, std::vector<uint8_t>* escapes) {
  assert(symbols.size() == indices.size());
  const KvSymbolKernels& kernels = IndexKernels();
  AppendEscapes(kernels, symbols, escapes,
                [&](uint8_t* at) { return kernels.index_escapes(symbols.data(), indices.data(), indices.size(), at); });
}

void KvIndexLowBits(std::span<const KvIndexChannel> channels, std::span<const uint8_t> symbols,
                    std::span<const int16_t> indices, std::vector<uint8_t>* out) {
  assert(symbols.size() == indices.size());
  const IndexColumns columns(channels);
  KvBitWriter writer(out);
  ForEachRow(indices.size(), channels.size(), [&](size_t at, size_t) {
    IndexKernels().index_low_bits(columns.get(), &symbols[at], &indices[at], channels.size(),
                                  writer.Reserve(channels.size() * kKvMaxShift));
  });
  writer.Finish();
}

absl::Status KvJoinIndices(std::span<const KvIndexChannel> channels, std::span<const uint8_t> symbols,
                           std::span<const uint8_t> escapes, std::span<const uint8_t> low_bits,
                           std::span<int16_t> indices) {
  assert(symbols.size() == indices.size());
  const KvSymbolKernels& kernels = IndexKernels();
  const IndexColumns columns(channels);
  PLAIT_RETURN_IF_ERROR(
      CheckSize("escapes", escapes.size(), 2 * kernels.count_escapes(symbols.data(), symbols.size())));
  bool good = true;
  KvBitSource source{low_bits};
  const uint8_t* escape = escapes.data();
  ForEachRow(indices.size(), channels.size(), [&](size_t at, size_t) {
    good &= kernels.join_indices(columns.get(), &symbols[at], channels.size(), source, &escape, &indices[at]);
  });
  PLAIT_RETURN_IF_ERROR(FinishKvBits(source, "low bits"));
  return good ? absl::OkStatus() : absl::DataLossError("indices: found a symbol or an index that no encoder writes");
}

}  // namespace plait
