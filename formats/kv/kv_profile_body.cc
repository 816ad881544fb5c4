#include "formats/kv/kv_profile_body.h"

#include <bit>

#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

// 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
uint64_t ZigZag(int32_t value) { return static_cast<uint32_t>(value) << 1 ^ static_cast<uint32_t>(value >> 31); }
int32_t UnZigZag(uint64_t value) {
  return static_cast<int32_t>(static_cast<uint32_t>(value) >> 1 ^ (0 - (static_cast<uint32_t>(value) & 1)));
}

// Numbers of channels are near those of the channel before.
class NumberWriter {
 public:
  explicit NumberWriter(std::vector<uint8_t>* out) : out_(out) {}
  void Append(int16_t value) {
    AppendKvNumber(ZigZag(value - before_), out_);
    before_ = value;
  }

 private:
  std::vector<uint8_t>* out_;
  int32_t before_ = 0;
};

class NumberReader {
 public:
  NumberReader(KvBytesReader& bytes, std::string_view field) : bytes_(bytes), field_(field) {}
  absl::Status Read(int16_t* value) {
    uint64_t difference = 0;
    PLAIT_RETURN_IF_ERROR(bytes_.ReadNumber(field_, ZigZag(INT16_MIN - INT16_MAX), &difference));
    const int32_t number = before_ + UnZigZag(difference);
    if (number < INT16_MIN || number > INT16_MAX) {
      return absl::DataLossError(FoundExpected(field_, number, "a number of 16 bits"));
    }
    *value = static_cast<int16_t>(before_ = number);
    return absl::OkStatus();
  }

 private:
  KvBytesReader& bytes_;
  std::string_view field_;
  int32_t before_ = 0;
};

void AppendTables(const KvTables& tables, std::vector<uint8_t>* out) {
  out->push_back(static_cast<uint8_t>(tables.num_contexts));
  out->push_back(static_cast<uint8_t>(tables.num_classes()));
  for (const KvTables::ContextMap& map : tables.contexts) out->insert(out->end(), map.begin(), map.end());
  for (const KvTables::Frequencies& table : tables.frequencies) {
    for (const uint16_t frequency : table) AppendKvNumber(frequency, out);
  }
}

absl::Status ReadTables(KvBytesReader& bytes, KvTables* tables) {
  std::span<const uint8_t> sizes;
  PLAIT_RETURN_IF_ERROR(bytes.Read("numbers of contexts and classes", 2, &sizes));
  if (sizes[0] > kKvMaxContexts || sizes[1] > kKvMaxClasses) {
    return absl::DataLossError(FoundExpected("contexts and classes", absl::StrCat(sizes[0], " and ", sizes[1]),
                                             absl::StrCat("at most ", kKvMaxContexts, " and ", kKvMaxClasses)));
  }
  tables->num_contexts = sizes[0];
  tables->contexts.resize(sizes[1]);
  tables->frequencies.resize(size_t{sizes[0]} * sizes[1]);
  for (KvTables::ContextMap& map : tables->contexts) {
    std::span<const uint8_t> contexts;
    PLAIT_RETURN_IF_ERROR(bytes.Read("contexts of symbols", map.size(), &contexts));
    std::ranges::copy(contexts, map.begin());
  }
  for (KvTables::Frequencies& table : tables->frequencies) {
    for (uint16_t& frequency : table) {
      uint64_t value = 0;
      PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("frequency", kKvSlots, &value));
      frequency = static_cast<uint16_t>(value);
    }
  }
  return absl::OkStatus();
}

void AppendBitTables(const KvBitTables& tables, std::vector<uint8_t>* out) {
  for (const auto& of_class : tables) {
    for (const uint16_t share : of_class) AppendKvNumber(share, out);
  }
}

absl::Status ReadBitTables(KvBytesReader& bytes, size_t num_classes, KvBitTables* tables) {
  tables->resize(num_classes);
  for (auto& of_class : *tables) {
    for (uint16_t& share : of_class) {
      uint64_t value = 0;
      PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("share of decisions", kKvSlots, &value));
      share = static_cast<uint16_t>(value);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadBytes(KvBytesReader& bytes, std::string_view field, std::vector<uint8_t>* out) {
  std::span<const uint8_t> run;
  PLAIT_RETURN_IF_ERROR(bytes.Read(field, out->size(), &run));
  std::ranges::copy(run, out->begin());
  return absl::OkStatus();
}

void AppendIndexChannels(const KvProfile& profile, std::vector<uint8_t>* out) {
  for (const KvPlaneProfile& plane : profile.planes) {
    out->insert(out->end(), plane.index_class.begin(), plane.index_class.end());
  }
  for (const KvPlaneProfile& plane : profile.planes) {
    for (const KvIndexChannel& channel : plane.index_channels) out->push_back(channel.shift);
  }
  for (const KvPlaneProfile& plane : profile.planes) {
    NumberWriter centers(out);
    for (const KvIndexChannel& channel : plane.index_channels) centers.Append(channel.center);
  }
  for (const KvPlaneProfile& plane : profile.planes) {
    NumberWriter steps(out);
    for (const int16_t step : plane.steps) steps.Append(step);
  }
  for (const KvPlaneProfile& plane : profile.planes) {
    out->resize(out->size() + sizeof(uint32_t));
    StoreLe(std::bit_cast<uint32_t>(plane.token_reference), out->data() + out->size() - sizeof(uint32_t));
  }
}

absl::Status ReadIndexChannels(KvBytesReader& bytes, const std::vector<size_t>& channels, KvProfile* profile) {
  for (size_t i = 0; i < channels.size(); ++i) {
    profile->planes[i].index_class.resize(channels[i]);
    PLAIT_RETURN_IF_ERROR(ReadBytes(bytes, "index_class", &profile->planes[i].index_class));
  }
  std::vector<uint8_t> shifts;
  for (size_t i = 0; i < channels.size(); ++i) {
    shifts.resize(channels[i]);
    PLAIT_RETURN_IF_ERROR(ReadBytes(bytes, "shift", &shifts));
    for (const uint8_t shift : shifts) profile->planes[i].index_channels.push_back({.center = 0, .shift = shift});
  }
  for (KvPlaneProfile& plane : profile->planes) {
    NumberReader centers(bytes, "center");
    for (KvIndexChannel& channel : plane.index_channels) PLAIT_RETURN_IF_ERROR(centers.Read(&channel.center));
  }
  for (size_t i = 0; i < channels.size(); ++i) {
    NumberReader steps(bytes, "step exponent");
    profile->planes[i].steps.resize(channels[i]);
    for (int16_t& step : profile->planes[i].steps) PLAIT_RETURN_IF_ERROR(steps.Read(&step));
  }
  for (KvPlaneProfile& plane : profile->planes) {
    std::span<const uint8_t> reference;
    PLAIT_RETURN_IF_ERROR(bytes.Read("token_reference", sizeof(uint32_t), &reference));
    plane.token_reference = std::bit_cast<float>(LoadLe<uint32_t>(reference.data()));
  }
  return absl::OkStatus();
}

}  // namespace

void AppendKvProfile(const KvProfile& profile, std::vector<uint8_t>* out) {
  out->push_back(static_cast<uint8_t>(profile.refinements));
  AppendTables(profile.heads, out);
  AppendTables(profile.indices, out);
  AppendBitTables(profile.bits, out);
  for (const KvPlaneProfile& plane : profile.planes) {
    out->insert(out->end(), plane.head_class.begin(), plane.head_class.end());
  }
  for (const KvPlaneProfile& plane : profile.planes) {
    NumberWriter offsets(out);
    for (const int16_t offset : plane.head_offset) offsets.Append(offset);
  }
  if (profile.indices.num_classes() > 0) AppendIndexChannels(profile, out);
}

absl::Status ReadKvProfile(KvBytesReader& bytes, const std::vector<size_t>& channels, KvProfile* profile) {
  std::span<const uint8_t> refinements;
  PLAIT_RETURN_IF_ERROR(bytes.Read("refinements", 1, &refinements));
  profile->refinements = refinements[0];
  PLAIT_RETURN_IF_ERROR(Annotate(ReadTables(bytes, &profile->heads), "head tables"));
  PLAIT_RETURN_IF_ERROR(Annotate(ReadTables(bytes, &profile->indices), "index tables"));
  PLAIT_RETURN_IF_ERROR(ReadBitTables(bytes, profile->indices.num_classes(), &profile->bits));
  profile->planes.resize(channels.size());
  for (size_t i = 0; i < channels.size(); ++i) {
    profile->planes[i].head_class.resize(channels[i]);
    PLAIT_RETURN_IF_ERROR(ReadBytes(bytes, "head_class", &profile->planes[i].head_class));
  }
  for (size_t i = 0; i < channels.size(); ++i) {
    NumberReader offsets(bytes, "head_offset");
    profile->planes[i].head_offset.resize(channels[i]);
    for (int16_t& offset : profile->planes[i].head_offset) PLAIT_RETURN_IF_ERROR(offsets.Read(&offset));
  }
  if (profile->indices.num_classes() == 0) return absl::OkStatus();
  return ReadIndexChannels(bytes, channels, profile);
}

}  // namespace plait
