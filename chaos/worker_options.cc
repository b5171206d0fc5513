#include "chaos/worker_options.h"

#include <cstdlib>
#include <map>

#include <CLI/CLI.hpp>

namespace hedgerow::chaos {
namespace {

// "act=1,send=50": milliseconds by name.
std::string read_rates(const std::string& text, rates& into) {
  const std::map<std::string, milliseconds*> known{{"act", &into.act},
                                                   {"counter", &into.counter},
                                                   {"send", &into.send},
                                                   {"broadcast", &into.broadcast},
                                                   {"stream", &into.stream}};
  for (const std::string& part : CLI::detail::split(text, ',')) {
    const std::size_t equals = part.find('=');
    const auto found = known.find(part.substr(0, equals));
    const int value = equals == std::string::npos ? 0 : std::atoi(part.c_str() + equals + 1);
    if (found == known.end() || value < 1)
      return "'" + part + "' is no rate; write NAME=MS with act, counter, send, broadcast, stream";
    *found->second = milliseconds{value};
  }
  return {};
}

}  // namespace

worker_options parse_options(int argc, char** argv) {
  worker_options with;
  long lease_ms = with.node.lease.count();
  std::string every;
  CLI::App app{"A service that uses Hedgerow and writes down what happens; `./dev chaos` runs it"};
  app.add_option("--name", with.node.name, "Of the member")->required();
  app.add_option("--group", with.node.group, "Of the group");
  app.add_option("--store", with.node.store, "URL of the store")->required();
  app.add_option("--clock", with.node.clock, "As of hedgerow agent");
  app.add_option("--listen", with.node.listen, "As of hedgerow agent");
  app.add_option("--lease", lease_ms, "Milliseconds");
  app.add_option("--secret-file", with.node.security.secret_file, "As of hedgerow agent");
  app.add_flag("--insecure", with.node.insecure, "As of hedgerow agent");
  app.add_option("--life", with.life, "How often this name was started, this time included");
  app.add_option("--history", with.history, "File to append to")->required();
  app.add_option("--acts", with.acts, "File to which all workers append some of their acts");
  app.add_option("--counter", with.counter, "URL of the counter's database; default: the store's");
  app.add_option("--rates", every, "Milliseconds between two of a kind: act=1,counter=50,...");
  const std::map<std::string, flaw> flaws{{"remembers", flaw::remembers},
                                          {"unfenced", flaw::unfenced},
                                          {"optimistic", flaw::optimistic}};
  app.add_option("--broken", with.broken, "Be a user who makes this mistake")
      ->transform(CLI::CheckedTransformer(flaws));
  try {
    app.parse(argc, argv);
    if (const std::string wrong = read_rates(every, with.every); !every.empty() && !wrong.empty())
      throw CLI::ValidationError("--rates", wrong);
  } catch (const CLI::ParseError& e) {
    std::exit(app.exit(e) == 0 ? 0 : 2);  // NOLINT(concurrency-mt-unsafe): no threads yet
  }
  with.node.lease = milliseconds{lease_ms};
  if (with.counter.empty()) with.counter = with.node.store;
  return with;
}

}  // namespace hedgerow::chaos
