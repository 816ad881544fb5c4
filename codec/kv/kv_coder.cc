#include "codec/kv/kv_coder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "codec/base/status.h"

namespace plait {

KvChannelOrder OrderKvChannels(std::span<const uint8_t> class_of_channel) {
  KvChannelOrder order;
  order.channel.resize(class_of_channel.size());
  std::iota(order.channel.begin(), order.channel.end(), uint16_t{0});
  std::stable_sort(order.channel.begin(), order.channel.end(),
                   [&](uint16_t a, uint16_t b) { return class_of_channel[a] < class_of_channel[b]; });
  for (const uint16_t channel : order.channel) order.class_of.push_back(class_of_channel[channel]);
  return order;
}

KvCoder::KvCoder(KvProfile profile) : profile_(std::move(profile)), heads_(profile_.heads) {
  if (profile_.indices.num_classes() > 0) indices_.emplace(profile_.indices);
  for (const KvPlaneProfile& plane : profile_.planes) {
    head_orders_.push_back(OrderKvChannels(plane.head_class));
    index_orders_.push_back(OrderKvChannels(plane.index_class));
  }
}

absl::StatusOr<std::shared_ptr<const KvCoder>> KvCoder::Create(KvProfile profile) {
  PLAIT_RETURN_IF_ERROR(CheckKvProfile(profile));
  return std::shared_ptr<const KvCoder>(new KvCoder(std::move(profile)));
}

absl::Status CheckKvLayerShape(const KvProfile& profile, const KvLayerShape& shape) {
  const size_t planes = profile.planes.size();
  if (shape.num_planes == 0 || shape.first_plane >= planes || shape.num_planes > planes - shape.first_plane) {
    return absl::InvalidArgumentError(FoundExpected("planes",
                                                    absl::StrCat(shape.num_planes, " from number ", shape.first_plane),
                                                    absl::StrCat("some of ", planes)));
  }
  if (shape.rows > kKvMaxRows) {
    return absl::InvalidArgumentError(FoundExpected("rows", shape.rows, absl::StrCat("at most ", kKvMaxRows)));
  }
  return absl::OkStatus();
}

KvLentPlanes::KvLentPlanes(KvScratch& scratch, size_t count) {
  if (scratch.planes_.empty()) scratch.planes_.push_back(std::make_unique<std::vector<KvLayerPlane>>());
  planes_ = {scratch.planes_.back().release(), GiveBack{&scratch}};
  scratch.planes_.pop_back();
  planes_->resize(count);
  for (KvLayerPlane& plane : *planes_) {
    plane.rows.repeats.clear();
    plane.rows.main_rows.clear();
    plane.row_steps.clear();
  }
}

}  // namespace plait
