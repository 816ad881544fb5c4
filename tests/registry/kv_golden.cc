#include "tests/registry/kv_golden.h"

#include <functional>
#include <utility>

#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "formats/kv/kv_manifest.h"
#include "formats/kv/kv_profile_file.h"
#include "tests/registry/kv_caches.h"

namespace plait {
namespace {

KvCache SmallCache(KvElement element) { return MakeKvCache(element, 2, 9, 4, 61); }

std::vector<uint8_t> ObjectOf(const KvCache& cache, KvForm form, bool inline_profile) {
  KvObjectSettings settings = {.form = form, .first_token = 256};
  settings.exact_first = form == KvForm::kLayers ? 1 : 0;
  settings.inline_profile = inline_profile;
  for (size_t i = 0; i < kKvKeyBytes; ++i) settings.key[i] = static_cast<uint8_t>(i);
  return MakeKvObject(cache, settings, NeedsKvProfile(form) ? MakeKvCacheProfile(cache) : nullptr);
}

GoldenFile Accepted(std::string name, KvForm form, KvElement element, std::string reason) {
  const KvCache cache = SmallCache(element);
  return {std::move(name), ObjectOf(cache, form, /*inline_profile=*/true), GoldenOutcome(cache.bytes()),
          std::move(reason)};
}

// An object whose manifest lies under a right hash.
GoldenFile Lie(std::string name, absl::StatusCode code, const std::function<void(KvManifest&)>& tell,
               std::string reason) {
  const std::vector<uint8_t> object = ObjectOf(SmallCache(KvElement::kBf16), KvForm::kLayers, true);
  KvManifest manifest = ParseKvManifest(object).value();
  const auto segments = std::span(object).subspan(manifest.manifest_bytes);
  tell(manifest);
  std::vector<uint8_t> forged;
  AppendKvManifest(&manifest, &forged);
  forged.insert(forged.end(), segments.begin(), segments.end());
  return {std::move(name), std::move(forged), absl::StatusCodeToString(code), std::move(reason)};
}

GoldenFile Changed(std::string name, size_t at, absl::StatusCode code, std::string reason) {
  std::vector<uint8_t> object = ObjectOf(SmallCache(KvElement::kBf16), KvForm::kTier, false);
  object.at(at) ^= 1;
  return {std::move(name), std::move(object), absl::StatusCodeToString(code), std::move(reason)};
}

GoldenFile CutShort() {
  std::vector<uint8_t> object = ObjectOf(SmallCache(KvElement::kBf16), KvForm::kTier, false);
  object.pop_back();
  return {"kv_cut_short.pkv", std::move(object), "OUT_OF_RANGE", "the last byte of the last segment"};
}

GoldenFile OfNamedProfile() {
  return {"kv_named_profile.pkv", ObjectOf(SmallCache(KvElement::kBf16), KvForm::kRans, false), "NOT_FOUND",
          "whole, but its profile is elsewhere"};
}

GoldenFile BrokenProfile() {
  const auto profile = MakeKvCacheProfile(SmallCache(KvElement::kBf16));
  KvProfile forged = profile->coder->profile();
  ++forged.heads.frequencies[0][0];
  return {"kv_frequency.kvprofile", SealKvProfileBody(KvProfileBody(profile->geometry, forged)), "DATA_LOSS",
          "frequencies that do not add up"};
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> DecodeKvProfileFile(std::span<const uint8_t> bytes) {
  PLAIT_ASSIGN_OR_RETURN(const auto profile, ParseKvProfileFile(bytes));
  return KvProfileBody(profile->geometry, profile->coder->profile());
}

std::vector<GoldenFile> KvGoldenAccept() {
  const auto profile = MakeKvCacheProfile(SmallCache(KvElement::kBf16));
  return {Accepted("kv_layers.pkv", KvForm::kLayers, KvElement::kBf16, "quality layers of bf16, profile inside"),
          Accepted("kv_layers_f16.pkv", KvForm::kLayers, KvElement::kF16, "quality layers of f16, profile inside"),
          Accepted("kv_rans.pkv", KvForm::kRans, KvElement::kE5m2, "rans of e5m2, profile inside"),
          Accepted("kv_tier.pkv", KvForm::kTier, KvElement::kE4m3, "tier of e4m3"),
          Accepted("kv_range.pkv", KvForm::kRange, KvElement::kBf16, "range of bf16"),
          {"kv.kvprofile", profile->bytes, GoldenOutcome(KvProfileBody(profile->geometry, profile->coder->profile())),
           "with quality layers"}};
}

std::vector<GoldenFile> KvGoldenReject() {
  return {
      Changed("kv_version_1.pkv", 8, absl::StatusCode::kUnimplemented, "a later version"),
      Changed("kv_manifest_flip.pkv", 40, absl::StatusCode::kDataLoss, "a byte of the key under a wrong hash"),
      CutShort(),
      OfNamedProfile(),
      Lie(
          "kv_form.pkv", absl::StatusCode::kUnimplemented, [](KvManifest& manifest) { manifest.form = KvForm{4}; },
          "a form that nobody knows"),
      Lie(
          "kv_tokens.pkv", absl::StatusCode::kDataLoss, [](KvManifest& manifest) { manifest.rows = 0; }, "no tokens"),
      Lie(
          "kv_channels.pkv", absl::StatusCode::kDataLoss, [](KvManifest& manifest) { ++manifest.channels; },
          "a channel more than the profile has"),
      Lie(
          "kv_segment_hash.pkv", absl::StatusCode::kDataLoss,
          [](KvManifest& manifest) { manifest.segments[3].hash ^= 1; }, "another segment's hash"),
      BrokenProfile(),
  };
}

}  // namespace plait
