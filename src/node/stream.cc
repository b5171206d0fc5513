// The public handle; see node/stream_cell.h for what is behind it.

#include <utility>

#include <hedgerow/stream.h>

#include "node/stream_cell.h"

namespace hedgerow {

stream::stream(std::shared_ptr<cell> c) : cell_(std::move(c)) {}

result<void> stream::write(std::string_view message) {
  return cell_->write(slice(nullptr, message), true).map([](bool) {});
}
result<void> stream::write(std::shared_ptr<const std::string> message) {
  return cell_->write(slice(std::move(message)), true).map([](bool) {});
}
result<bool> stream::try_write(std::string_view message) {
  return cell_->write(slice(nullptr, message), false);
}
result<bool> stream::try_write(std::shared_ptr<const std::string> message) {
  return cell_->write(slice(std::move(message)), false);
}
void stream::finish() {
  cell_->finish();
}
void stream::cancel(std::string_view reason) {
  cell_->cancel(message::stream_code::cancelled, reason);
}
result<std::optional<std::string>> stream::read() {
  return cell_->read();
}
stream_end stream::wait() {
  return cell_->wait();
}
std::optional<stream_end> stream::ended() const {
  return cell_->ended();
}
std::uint64_t stream::written() const {
  return cell_->written();
}
std::uint64_t stream::acknowledged() const {
  return cell_->acknowledged();
}
std::string stream::peer() const {
  return cell_->peer();
}
fencing_token stream::token() const {
  return cell_->token();
}
const std::map<std::string, std::string>& stream::metadata() const {
  return cell_->metadata();
}
std::chrono::nanoseconds stream::remaining() const {
  return cell_->remaining();
}

}  // namespace hedgerow
