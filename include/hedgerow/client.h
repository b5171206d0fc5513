#pragma once
// Talks to a group without being a member of it.

#include <memory>

#include <hedgerow/node.h>
#include <hedgerow/options.h>

namespace hedgerow {

// Follows a group's views and leader through one of its nodes, and sends messages to it.
// Thread-safe. Finds another node when the one it follows is gone, or silent for four seconds.
class client {
 public:
  // Starts to connect; returns without waiting. Errors: invalid_argument, store_unavailable.
  static result<std::unique_ptr<client>> start(client_options with);
  // Stops first, see stop().
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  // Blocks until a view is known. Errors: unreachable, with what was tried.
  result<void> wait_until_connected(std::chrono::milliseconds timeout);
  // Blocks until a leader is known. Errors: no_leader.
  result<leader_info> wait_for_leader(std::chrono::milliseconds timeout);

  // As of node.
  result<reply> send(std::string_view payload, std::chrono::milliseconds timeout);
  void send(std::string_view payload, std::chrono::milliseconds timeout,
            std::function<void(result<reply>)> done);
  result<std::vector<member_reply>> broadcast(std::string_view payload, broadcast_options how = {});
  void broadcast(std::string_view payload, broadcast_options how,
                 std::function<void(member_reply)> each, std::function<void()> done);
  result<stream> open_stream(const stream_options& how = {});
  result<std::vector<member_stream>> open_streams(const stream_options& how = {});

  view_ptr view() const;
  // Since the group's view changed, as told by the node that is followed.
  std::chrono::milliseconds view_age() const;
  leader_info leader() const;

  // As node::reload_security.
  result<void> reload_security();

  // Ends all calls and streams. Nothing of this client acts once any call of it has returned.
  // Idempotent.
  void stop();

 private:
  class impl;
  explicit client(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

}  // namespace hedgerow
