#include "tests/system/harness/chrony.h"

#include <cstdlib>
#include <fstream>

#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hedgerow::system_test {
namespace {

int free_udp_port() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof any;
  auto* at = reinterpret_cast<sockaddr*>(&any);
  if (bind(fd, at, size) != 0 || getsockname(fd, at, &size) != 0) std::abort();
  close(fd);
  return ntohs(any.sin_port);
}

}  // namespace

chrony::chrony(const std::filesystem::path& folder)
    : folder_(folder), command_port_(free_udp_port()) {
  const std::string time_port = std::to_string(free_udp_port());
  server_ = start("server", "local stratum 1\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport " +
                                time_port + "\ncmdport 0\nbindcmdaddress /\n");
  follower_ = start("follower", "server 127.0.0.1 port " + time_port +
                                    " minpoll -2 maxpoll -1 iburst\nport 0\nmaxclockerror 50\n"
                                    "cmdport " +
                                    std::to_string(command_port_) + "\nbindcmdaddress 127.0.0.1\n" +
                                    "bindcmdaddress " + socket() + "\n");
}

std::unique_ptr<process> chrony::start(const std::string& name, const std::string& settings) const {
  const std::string file = folder_ / (name + ".conf");
  std::ofstream(file) << settings << "pidfile " << (folder_ / (name + ".pid")).string() << "\n";
  process_setup with;
  const passwd* me = getpwuid(getuid());
  // -x: never sets the clock. -U -u: as whoever runs the test.
  with.arguments = {"/usr/sbin/chronyd",
                    "-x",
                    "-d",
                    "-U",
                    "-u",
                    me != nullptr ? me->pw_name : "root",
                    "-f",
                    file};
  return std::make_unique<process>(std::move(with));
}

std::string chrony::told() const {
  std::string text;
  for (const auto* one : {server_.get(), follower_.get()})
    if (one != nullptr) text += one->out() + one->err();
  return text;
}

}  // namespace hedgerow::system_test
