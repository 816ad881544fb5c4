#include "codec/kv/kv_heads.h"

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/kv/kv_symbols_kernel.h"

namespace plait {
namespace {

// Where each plane's symbols begin in a buffer that holds those of all.
template <class Element>
size_t CountElements(std::span<const KvRows<Element>> planes) {
  size_t elements = 0;
  for (const auto& plane : planes) elements += plane.x.size();
  return elements;
}

size_t MantissaBytes(const KvCoder& coder, size_t plane, size_t elements) {
  const size_t channels = coder.profile().planes[plane].channels();
  return elements / channels * KvMantissaBytes(coder.element(), channels);
}

}  // namespace

void EncodeKvHeads(const KvCoder& coder, unsigned lanes_log2, std::span<const KvRows<const uint16_t>> planes,
                   KvScratch& scratch, std::vector<uint8_t>* out) {
  const KvElement element = coder.profile().element;
  const size_t elements = CountElements(planes);
  const std::span<uint8_t> coded = scratch.Coded(elements);
  const std::span<uint8_t> symbols = scratch.Symbols(elements);
  std::vector<KvSymbolPlane<const uint8_t>> coded_planes;
  for (size_t at = 0; const auto& [plane, x] : planes) {
    const KvChannelOrder& order = coder.head_order(plane);
    const auto coded_here = coded.subspan(at, x.size());
    const auto symbols_here = symbols.subspan(at, x.size());
    KvHeadSymbols(element, coder.profile().planes[plane].head_offset, x, symbols_here);
    KvToCodedOrder(order.channel, symbols_here, coded_here);
    KvEscapeUnknown(coder.heads().encode, {coded_here, order.class_of});
    KvFromCodedOrder(order.channel, coded_here, symbols_here);
    coded_planes.push_back({coded_here, order.class_of});
    at += x.size();
  }
  scratch.stream.clear();
  KvRansEncode(coder.heads().encode, lanes_log2, coded_planes, &scratch.stream);
  AppendKvRun(scratch.stream, out);
  for (size_t at = 0; const auto& [plane, x] : planes) {
    scratch.stream.clear();
    KvHeadEscapes(element, symbols.subspan(at, x.size()), x, &scratch.stream);
    AppendKvRun(scratch.stream, out);
    KvMantissas(element, coder.profile().planes[plane].channels(), x, out);
    at += x.size();
  }
}

absl::Status DecodeKvHeads(const KvCoder& coder, unsigned lanes_log2, KvBytesReader& bytes, KvScratch& scratch,
                           std::span<const KvRows<uint16_t>> planes) {
  const size_t elements = CountElements(planes);
  const std::span<uint8_t> coded = scratch.Coded(elements);
  const std::span<uint8_t> symbols = scratch.Symbols(elements);
  std::vector<KvSymbolPlane<uint8_t>> coded_planes;
  for (size_t at = 0; const auto& [plane, x] : planes) {
    coded_planes.push_back({coded.subspan(at, x.size()), coder.head_order(plane).class_of});
    at += x.size();
  }
  std::span<const uint8_t> stream;
  PLAIT_RETURN_IF_ERROR(bytes.ReadRun("symbols", &stream));
  PLAIT_RETURN_IF_ERROR(KvRansDecode(coder.heads().decode, lanes_log2, stream, coded_planes));
  for (size_t i = 0; i < planes.size(); ++i) {
    const auto& [plane, x] = planes[i];
    const std::span<uint8_t> symbols_here = symbols.first(x.size());
    KvFromCodedOrder(coder.head_order(plane).channel, coded_planes[i].symbols, symbols_here);
    std::span<const uint8_t> escapes, mantissas;
    PLAIT_RETURN_IF_ERROR(bytes.ReadRun("escapes", &escapes));
    PLAIT_RETURN_IF_ERROR(bytes.Read("mantissas", MantissaBytes(coder, plane, x.size()), &mantissas));
    PLAIT_RETURN_IF_ERROR(KvJoinHeads(coder.profile().element, coder.profile().planes[plane].head_offset, symbols_here,
                                      escapes, mantissas, x));
  }
  return absl::OkStatus();
}

}  // namespace plait
