#include "clock/open_clock.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "clock/auto_source.h"
#include "clock/bounded_clock.h"
#include "clock/chrony_source.h"
#include "clock/declared_clock.h"
#include "clock/machine_clock.h"

namespace hedgerow::clock {
namespace {

using clock_result = result<std::unique_ptr<ports::clock>>;

constexpr nanoseconds declared_min{1'000};
constexpr nanoseconds declared_max{1'000'000'000};

clock_result bounded(std::unique_ptr<bound_source> from) {
  return std::make_unique<bounded_clock>(std::move(from));
}

clock_result open_clockbound(std::string_view path, const clock_places& places) {
  clockbound_paths paths = places.clockbound;
  if (!path.empty()) paths.segments = {std::string(path)};
  return bounded(std::make_unique<clockbound_source>(std::move(paths)));
}

clock_result open_chrony(std::string_view where) {
  auto address = parse_chrony_address(where);
  if (!address) return tl::unexpected(std::move(address).error());
  auto opened = chrony_source::open(std::move(*address));
  if (!opened) return tl::unexpected(std::move(opened).error());
  return bounded(std::move(*opened));
}

clock_result open_auto(const clock_places& places) {
  auto clockbound = std::make_unique<clockbound_source>(places.clockbound);
  std::unique_ptr<chrony_source> chrony;
  const clock_bound found = clockbound->read();
  if (found.fault == bound_fault::missing || nothing_known(found)) {
    auto address = parse_chrony_address(places.chrony);
    if (!address) return tl::unexpected(std::move(address).error());
    auto opened = chrony_source::open(std::move(*address));
    if (!opened) return tl::unexpected(std::move(opened).error());
    chrony = std::move(*opened);
  }
  return bounded(std::make_unique<auto_source>(std::move(clockbound), std::move(chrony)));
}

clock_result open_declared(std::string_view text) {
  const auto refuse = [&] {
    return fail(
        errc::invalid_argument,
        fmt::format("\"{}\" is no error of a clock; write declared:5ms, from 1us to 1s", text));
  };
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{}) return refuse();
  const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::int64_t ns = unit == "us"   ? 1'000
                          : unit == "ms" ? 1'000'000
                          : unit == "s"  ? 1'000'000'000
                                         : 0;
  if (ns == 0 || number < 0 || number > declared_max.count() / ns ||
      number * ns < declared_min.count())
    return refuse();
  return std::make_unique<declared_clock>(nanoseconds{number * ns});
}

}  // namespace

clock_result open_clock(std::string_view spec, const clock_places& places) {
  const auto colon = spec.find(':');
  const std::string_view kind = spec.substr(0, colon);
  const bool more = colon != spec.npos;
  const std::string_view rest = more ? spec.substr(colon + 1) : std::string_view{};
  if (kind == "declared") return open_declared(rest);
  const bool plain = !more || !rest.empty();  // no colon with nothing behind it
  if (kind == "clockbound" && plain && rest.find('\0') == rest.npos)
    return open_clockbound(rest, places);
  if (kind == "chrony" && plain) return open_chrony(more ? rest : std::string_view(places.chrony));
  if (kind == "auto" && !more) return open_auto(places);
  if (kind == "machine" && !more) return std::make_unique<machine_clock>();
  return fail(errc::invalid_argument,
              fmt::format("\"{}\" is no clock; write auto, clockbound[:PATH], chrony[:HOST:PORT | "
                          ":/PATH], declared:5ms or machine",
                          spec));
}

}  // namespace hedgerow::clock
