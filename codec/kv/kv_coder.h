// Codes the planes of one model layer of a token chunk with a profile: segment by segment, from the base to the exact
// layer, or at once without loss. FORMAT.md beside this file has the bytes.
#ifndef PLAIT_CODEC_KV_KV_CODER_H_
#define PLAIT_CODEC_KV_KV_CODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/kv/kv_profile.h"
#include "codec/kv/kv_quality.h"
#include "codec/kv/kv_rows.h"

namespace plait {

// The order in which the channels of a plane are coded: those of a class together, else as they stand.
struct KvChannelOrder {
  std::vector<uint16_t> channel;  // at each position
  std::vector<uint8_t> class_of;  // each position
};
KvChannelOrder OrderKvChannels(std::span<const uint8_t> class_of_channel);

// A profile with its tables expanded. Immutable: any number of threads may code with one.
class KvCoder {
 public:
  struct Tables {
    explicit Tables(const KvTables& tables) : encode(tables), decode(tables) {}
    KvEncodeTables encode;
    KvDecodeTables decode;
  };

  // Returns: as CheckKvProfile.
  static absl::StatusOr<std::shared_ptr<const KvCoder>> Create(KvProfile profile);

  const KvProfile& profile() const { return profile_; }
  KvElementInfo element() const { return GetKvElementInfo(profile_.element); }
  // A segment for each: the base, the refinements, the exact layer.
  unsigned num_qualities() const { return profile_.refinements + 2; }

  const Tables& heads() const { return heads_; }
  const Tables& indices() const { return *indices_; }
  const KvChannelOrder& head_order(size_t plane) const { return head_orders_[plane]; }
  const KvChannelOrder& index_order(size_t plane) const { return index_orders_[plane]; }

 private:
  explicit KvCoder(KvProfile profile);

  KvProfile profile_;
  Tables heads_;
  std::optional<Tables> indices_;  // if there are quality layers
  std::vector<KvChannelOrder> head_orders_;
  std::vector<KvChannelOrder> index_orders_;
};

// What coding a plane of a model layer by quality layers keeps from segment to segment. Vectors have the elements of
// the main rows.
struct KvLayerPlane {
  KvExactRows exact;
  KvRowPlan rows;
  std::vector<int8_t> row_steps;   // of main rows; empty if all are zero
  std::vector<uint16_t> x;         // the encoder's: the elements themselves
  std::vector<int16_t> indices;    // of the base
  std::vector<uint16_t> prefixes;  // the decoder's, from refinement 1 on
  std::vector<uint16_t> exact_x;   // of exact rows

  KvSteps steps(const KvProfile& profile, size_t plane) const {
    return {profile.planes[plane].steps, row_steps, profile.refinements};
  }
};

// Memory of encoders and decoders, reused from model layer to model layer: one for each thread.
class KvScratch {
 public:
  std::span<uint8_t> Coded(size_t elements) { return Room(elements, &coded_); }
  std::span<uint8_t> Symbols(size_t elements) { return Room(elements, &symbols_); }
  std::span<uint8_t> States(size_t elements) { return Room(elements, &states_); }
  std::span<uint8_t> Bits(size_t elements) { return Room(elements, &bits_); }
  std::span<uint16_t> Elements(size_t elements) { return Room(elements, &elements_); }

  std::vector<uint8_t> stream;

 private:
  friend class KvLentPlanes;

  template <class T>
  static std::span<T> Room(size_t count, std::vector<T>* room) {
    if (room->size() < count) room->resize(count);
    return std::span(*room).first(count);
  }

  std::vector<uint8_t> coded_, symbols_, states_, bits_;
  std::vector<uint16_t> elements_;
  std::vector<std::unique_ptr<std::vector<KvLayerPlane>>> planes_;  // those that are not lent
};

// Planes of a model layer that go back to the scratch in the end, so that the next model layer has their memory: new
// memory is slow to touch for the first time. The scratch must outlive this.
class KvLentPlanes {
 public:
  KvLentPlanes() = default;
  // Their lists are empty; what the other vectors hold is unspecified.
  KvLentPlanes(KvScratch& scratch, size_t count);

  size_t size() const { return planes_ == nullptr ? 0 : planes_->size(); }
  KvLayerPlane& operator[](size_t i) { return (*planes_)[i]; }
  const KvLayerPlane& operator[](size_t i) const { return (*planes_)[i]; }
  auto begin() { return planes_->begin(); }
  auto begin() const { return planes_->cbegin(); }
  auto end() { return planes_->end(); }
  auto end() const { return planes_->cend(); }

 private:
  struct GiveBack {
    KvScratch* scratch;
    void operator()(std::vector<KvLayerPlane>* planes) const { scratch->planes_.emplace_back(planes); }
  };
  std::unique_ptr<std::vector<KvLayerPlane>, GiveBack> planes_;
};

// Planes number [first_plane, first_plane + num_planes) of the profile: those of one model layer, all with the same
// rows.
struct KvLayerShape {
  size_t first_plane = 0;
  size_t num_planes = 2;
  size_t rows = 0;         // tokens, at most kKvMaxRows
  size_t exact_first = 0;  // so many rows at the begin (attention sinks) are exact at every quality
  size_t exact_last = 0;   // and at the end

  KvExactRows exact_rows() const { return {rows, exact_first, exact_last}; }
};
inline constexpr size_t kKvMaxRows = 1 << 16;
// Whether a profile has these planes and rows are within bounds. kInvalidArgument if not.
absl::Status CheckKvLayerShape(const KvProfile& profile, const KvLayerShape& shape);

// Elements of a plane, rows x channels; 8-bit types in the low byte.
using KvElements = std::span<const uint16_t>;

// Of what a base segment is made, in bytes: for those who ask where the bytes go.
struct KvBaseParts {
  size_t repeats = 0;     // rows that are copies of others
  size_t steps = 0;       // of rows
  size_t exact_rows = 0;  // rows that are exact at every quality
  size_t states = 0;      // of the coder
  size_t symbols = 0;     // the rest
};

class KvLayerEncoder {
 public:
  // `planes`: one of each of shape.num_planes. What they refer to, the coder and the scratch must outlive this.
  // Returns: kInvalidArgument if the shape or a size does not fit the profile.
  static absl::StatusOr<KvLayerEncoder> Create(const KvCoder& coder, const KvLayerShape& shape,
                                               std::span<const KvElements> planes, KvScratch& scratch);

  // Takes the row steps of a plane, one for each row, instead of finding them: those of KvLayerDecoder::RowSteps, so
  // that values of a quality encode to themselves. Call before EncodeNext(); ignored if the plane has no row steps.
  // Returns: kInvalidArgument if there are not as many as rows, or they are further apart than a segment can say.
  absl::Status UseRowSteps(size_t plane, std::span<const int8_t> of_rows);

  // Appends the segment of the next quality: the base, the refinements, the exact layer.
  // Requires: the profile's planes have quality layers; fewer than num_qualities() calls before.
  void EncodeNext(std::vector<uint8_t>* segment);
  // The mean square of the error of a plane at the quality last encoded, rows that are exact included; elements that
  // are not finite do not count. 0 at the exact layer.
  double MeanSquaredError(size_t plane) const;
  const KvBaseParts& base_parts() const { return base_parts_; }

  // Appends the one segment of the lossless-only form.
  void EncodeLossless(std::vector<uint8_t>* segment);

 private:
  KvLayerEncoder(const KvCoder& coder, const KvLayerShape& shape, std::span<const KvElements> planes,
                 KvScratch& scratch);
  void PlanBase();
  void EncodeBase(std::vector<uint8_t>* segment);
  void EncodeIndices(std::vector<uint8_t>* segment);
  void EncodeDecisions(std::vector<uint8_t>* segment);
  void EncodeRefinement(unsigned refinement, std::vector<uint8_t>* segment);
  void EncodeExact(std::vector<uint8_t>* segment);

  const KvCoder& coder_;
  KvLayerShape shape_;
  KvScratch& scratch_;
  std::vector<KvElements> input_;
  std::vector<std::vector<int8_t>> given_row_steps_;  // of each plane, empty if none were given
  KvLentPlanes planes_;
  unsigned encoded_ = 0;
  KvBaseParts base_parts_;
};

// Any prefix of an encoder's segments.
class KvLayerDecoder {
 public:
  // The coder and the scratch must outlive this.
  // Returns: kInvalidArgument if the shape does not fit the profile.
  static absl::StatusOr<KvLayerDecoder> Create(const KvCoder& coder, const KvLayerShape& shape, KvScratch& scratch);

  // Takes the segment of the next quality.
  // Returns: kOutOfRange or kDataLoss if it is damaged: after that the decoder is of no more use; kInvalidArgument if
  // all qualities have been taken.
  absl::Status Add(std::span<const uint8_t> segment);
  // How many segments have been taken.
  unsigned qualities() const { return added_; }
  // The values of a plane (rows x channels) as far as they are known: may be called after every Add().
  // Requires: at least one segment has been taken.
  void Values(size_t plane, std::span<uint16_t> x) const;

  // The row steps of a plane: one for each row, the smallest of all for exact ones, a copy's source's for copies; all 0
  // if the plane has none. Requires: as Values().
  std::vector<int8_t> RowSteps(size_t plane) const;

  // The lossless-only form: the one segment to elements of all planes.
  // Returns: kOutOfRange or kDataLoss if it is damaged; elements are unspecified then.
  static absl::Status DecodeLossless(const KvCoder& coder, const KvLayerShape& shape, std::span<const uint8_t> segment,
                                     KvScratch& scratch, std::span<const std::span<uint16_t>> planes);

 private:
  KvLayerDecoder(const KvCoder& coder, const KvLayerShape& shape, KvScratch& scratch)
      : coder_(coder), shape_(shape), scratch_(scratch), planes_(scratch, shape.num_planes) {}
  size_t channels(size_t plane) const { return coder_.profile().planes[shape_.first_plane + plane].channels(); }
  absl::Status AddBase(KvBytesReader& bytes);
  absl::Status AddIndices(KvBytesReader& bytes);
  absl::Status AddDecisions(KvBytesReader& bytes);
  absl::Status AddBits(KvBytesReader& bytes);

  const KvCoder& coder_;
  KvLayerShape shape_;
  KvScratch& scratch_;
  KvLentPlanes planes_;
  unsigned added_ = 0;
};

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_CODER_H_
