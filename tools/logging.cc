#include "tools/logging.h"

#include <chrono>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "tools/exit_codes.h"
#include "tools/line_writer.h"
#include "tools/text.h"

namespace hedgerow::tools {
namespace {

// stderr may be a pipe that nobody empties; the node's loop logs, and must not wait for it.
line_writer& stderr_writer() {
  static auto* const writer = new line_writer{STDERR_FILENO};
  return *writer;
}

class stderr_sink final : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    stderr_writer().write(std::string(buffer.data(), buffer.size()));
  }
  void flush_() override {}
};

spdlog::level::level_enum spdlog_level(severity level) {
  switch (level) {
    case severity::debug:
      return spdlog::level::debug;
    case severity::info:
      return spdlog::level::info;
    case severity::warning:
      return spdlog::level::warn;
    case severity::error:
      return spdlog::level::err;
  }
  return spdlog::level::off;
}

}  // namespace

const std::vector<std::string_view>& log_levels() {
  static const std::vector<std::string_view> levels{"debug", "info", "warning", "error", "off"};
  return levels;
}

log_setup start_logging(std::string_view level) {
  if (level == "off") return {severity::error, {}};
  log_setup setup;
  for (const severity s : {severity::debug, severity::info, severity::warning, severity::error}) {
    if (to_string(s) == level) setup.level = s;
  }
  auto logger = std::make_shared<spdlog::logger>("hedgerow", std::make_shared<stderr_sink>());
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %l: %v", spdlog::pattern_time_type::utc, ""));
  logger->set_level(spdlog_level(setup.level));
  setup.sink = [logger](severity s, std::string_view text) {
    logger->log(spdlog_level(s), "{}", printable(text));
  };
  return setup;
}

void remark(const error& why) {
  stderr_writer().write(complaint(why));
}

void finish_logging() {
  stderr_writer().drain(std::chrono::milliseconds{500});
}

}  // namespace hedgerow::tools
