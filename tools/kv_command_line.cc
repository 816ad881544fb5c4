#include "tools/kv_command_line.h"

#include "absl/strings/numbers.h"
#include "codec/kv/kv_coder.h"
#include "codec/kv/kv_layout.h"
#include "formats/kv/kv_object_layout.h"
#include "tools/command_line_parts.h"

namespace plait {
namespace {

constexpr char kDumpText[] =
    "a cache: .safetensors with layers.N.k and layers.N.v of [tokens, heads, head_dim], .npy of [2, layers, tokens, "
    "heads, head_dim], or with --layers the elements of such an array alone";

// What a dump does not say itself.
void AddDump(CLI::App* verb, KvDumpWords& dump) {
  verb->add_option("--dtype", dump.dtype, "element type, where the file only has 16 or 8 bits of something")
      ->type_name("bf16|f16|e4m3|e5m2")
      ->check(ExpectOneOf({"bf16", "f16", "e4m3", "e5m2"}));
  verb->add_option("--planes", dump.planes, "planes of each model layer, with commas between; default k,v")
      ->type_name("NAMES");
  verb->add_option(
          "--rope", dump.rope,
          "whether keys were rotated before or after they were dumped; default what the profile says, else post")
      ->type_name("pre|post")
      ->check(ExpectOneOf({"pre", "post"}));
  const auto add_number = [&](const char* name, uint32_t* number, uint64_t most, const char* about) {
    verb->add_option(name, *number, about)->type_name("N")->check(ExpectNumber(1, most));
  };
  add_number("--layers", &dump.layers, kMaxKvPlanes, "model layers: there is no header, only elements");
  add_number("--heads", &dump.heads, kKvMaxChannels, "heads, where the file does not have them as a dimension");
  add_number("--head-dim", &dump.head_dim, kKvMaxChannels, "channels of a head, of elements alone");
}

void AddProfile(CLI::App* verb, std::string* profile, const char* about) {
  verb->add_option("--profile", *profile, about)->type_name("FILE");
}

void AddProfiles(CLI::App* verb, std::vector<std::string>* profiles) {
  verb->add_option("--profile", *profiles, "a profile that objects name; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void AddChunk(CLI::App* verb, uint32_t* tokens) {
  verb->add_option("--chunk-tokens", *tokens, "tokens of an object; default 256")
      ->type_name("N")
      ->check(ExpectNumber(1, kKvMaxRows));
}

void AddQuality(CLI::App* verb, const char* name, std::optional<unsigned>* quality, const char* about) {
  verb->add_option(name, *quality, about)->type_name("N")->check(ExpectNumber(0, kKvMaxRefinements + 1));
}

void AddEncode(CLI::App* kv, KvEncodeOptions& options) {
  CLI::App* verb = kv->add_subcommand("encode", "code a cache; every element is decoded and compared first");
  verb->add_option("FILE", options.file, kDumpText)->required();
  verb->add_option("-o,--output", options.output,
                   "name of the result: an object if the cache is one chunk, else a directory of objects")
      ->type_name("FILE");
  AddDump(verb, options.dump);
  AddChunk(verb, &options.chunk_tokens);
  verb->add_option("--form", options.form,
                   "layers (the default): every quality up to exact; rans, tier, range: exact only; tier is the "
                   "fastest, range the smallest")
      ->type_name("layers|rans|tier|range")
      ->check(ExpectOneOf({"layers", "rans", "tier", "range"}));
  AddProfile(verb, &options.profile, "what plait kv profile made; without, tables are made of each chunk");
  verb->add_flag("--inline-profile", options.inline_profile, "put the profile into every object, not only its name");
  verb->add_option(
          "--steps-of", options.steps_of,
          "use the row steps of this object of the same tokens, so that what it decodes to at a quality is coded to "
          "itself; the cache must be one chunk")
      ->type_name("OBJECT");
  verb->add_option("--sinks", options.sinks, "first tokens of the cache that are exact at every quality; default 4")
      ->type_name("N");
  verb->add_option("--recent", options.recent, "last tokens of the cache that are exact at every quality; default 0")
      ->type_name("N");
  AddThreads(verb, &options.threads);
  verb->add_flag("-f,--force", options.force, "overwrite the target");
  verb->add_flag("!--no-verify", options.verify, "do not decode and compare");
  AddJson(verb, &options.json);
}

void AddDecode(CLI::App* kv, KvDecodeOptions& options) {
  CLI::App* verb = kv->add_subcommand("decode", "restore a cache, exactly unless a quality is named");
  verb->add_option("FILE", options.files, "KV objects whose tokens follow each other, or a directory of them")
      ->required();
  verb->add_option("-o,--output", options.output,
                   "name of the result: .safetensors, .npy, or anything else for the elements alone")
      ->type_name("FILE");
  AddQuality(verb, "--quality", &options.quality, "decode to this quality: 0 is the base");
  AddQuality(verb, "--min-quality", &options.min_quality,
             "decode to the best quality that is whole, at least this one");
  AddProfiles(verb, &options.profiles);
  AddThreads(verb, &options.threads);
  verb->add_flag("-f,--force", options.force, "overwrite the target");
  AddJson(verb, &options.json);
}

void AddInfo(CLI::App* kv, KvInfoOptions& options) {
  CLI::App* verb = kv->add_subcommand("info", "what an object holds, and where its qualities end");
  verb->add_option("FILE", options.file, "a KV object")->required();
  AddProfiles(verb, &options.profiles);
  AddJson(verb, &options.json);
}

CLI::Validator ExpectOctaves() {
  return Expect("octaves from -30 to 30", [](const std::string& text) {
    float octaves = 0;
    return absl::SimpleAtof(text, &octaves) && octaves >= -30 && octaves <= 30;
  });
}

void AddProfileVerb(CLI::App* kv, KvProfileOptions& options) {
  CLI::App* verb = kv->add_subcommand("profile", "make a profile of a model from caches of other texts");
  verb->add_option("FILE", options.files, kDumpText)->required();
  verb->add_option("-o,--output", options.output, "name of the profile")->type_name("FILE")->required();
  AddDump(verb, options.dump);
  verb->add_option("--stats", options.stats,
                   "a .safetensors file with k_log2_step of [layers, channels] and v_log2_step of [layers]; without, "
                   "steps are uniform")
      ->type_name("FILE");
  verb->add_option("--scale", options.scale, "octaves to add to all steps; more makes the base smaller and worse")
      ->type_name("OCTAVES")
      ->check(ExpectOctaves());
  verb->add_option("--classes", options.classes, "classes of channels; default 32")
      ->type_name("N")
      ->check(ExpectNumber(1, kKvMaxClasses));
  verb->add_option("--contexts", options.contexts, "contexts of the token before; 1 is none; default 10")
      ->type_name("N")
      ->check(ExpectNumber(1, kKvMaxContexts));
  verb->add_option("--refinements", options.refinements, "qualities between the base and exact; default 4")
      ->type_name("N")
      ->check(ExpectNumber(1, kKvMaxRefinements));
  verb->add_option("--model", options.model, "name of the model, for people")->type_name("NAME");
  verb->add_flag("-f,--force", options.force, "overwrite the target");
  AddJson(verb, &options.json);
}

void AddBench(CLI::App* kv, KvBenchOptions& options) {
  CLI::App* verb = kv->add_subcommand("bench", "size and speed of every form on a cache, in memory");
  verb->add_option("FILE", options.file, kDumpText)->required();
  AddDump(verb, options.dump);
  AddChunk(verb, &options.chunk_tokens);
  AddProfile(verb, &options.profile, "what plait kv profile made; without, one is made of the cache itself");
  verb->add_option("--max-tokens", options.max_tokens, "of a longer cache only so many; default 4096")
      ->type_name("N")
      ->check(ExpectNumber(1, uint64_t{1} << 32));
  AddThreads(verb, &options.threads);
  AddJson(verb, &options.json);
}

}  // namespace

void AddKv(CLI::App& app, KvOptions& options) {
  CLI::App* kv = app.add_subcommand("kv", "code KV caches, every quality up to exact in one object");
  kv->require_subcommand(1);
  AddEncode(kv, options.encode);
  AddDecode(kv, options.decode);
  AddInfo(kv, options.info);
  AddProfileVerb(kv, options.profile);
  AddBench(kv, options.bench);
}

std::vector<std::string*> KvWords(KvOptions& options) {
  std::vector<std::string*> words = {&options.encode.file,         &options.encode.output, &options.encode.profile,
                                     &options.encode.dump.planes,  &options.decode.output, &options.info.file,
                                     &options.profile.output,      &options.profile.stats, &options.profile.model,
                                     &options.profile.dump.planes, &options.bench.file,    &options.bench.profile,
                                     &options.bench.dump.planes};
  for (auto* several :
       {&options.decode.files, &options.decode.profiles, &options.info.profiles, &options.profile.files}) {
    for (std::string& word : *several) words.push_back(&word);
  }
  return words;
}

}  // namespace plait
