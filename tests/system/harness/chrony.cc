#include "tests/system/harness/chrony.h"

#include <cstdlib>
#include <fstream>
#include <utility>

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

chrony::chrony(std::filesystem::path folder, std::filesystem::path run_folder, int drift_ppm)
    : folder_(std::move(folder)),
      run_folder_(std::move(run_folder)),
      drift_ppm_(drift_ppm),
      time_port_(free_udp_port()),
      command_port_(free_udp_port()) {
  start_server();
  start_follower();
}

std::string chrony::socket() const {
  return (run_folder_.empty() ? folder_ : run_folder_ / "chrony") / "chronyd.sock";
}

void chrony::start_server() {
  server_.reset();
  server_ = start("server", "local stratum 1\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport " +
                                std::to_string(time_port_) + "\ncmdport 0\nbindcmdaddress /\n");
}

void chrony::start_follower() {
  follower_.reset();
  // Readers call it free running after eight polls without an update, in whole seconds. Polls of a
  // quarter of a second made that one or two: now and then on a busy machine it came to that.
  follower_ = start("follower",
                    "server 127.0.0.1 port " + std::to_string(time_port_) +
                        " minpoll 0 maxpoll 0 iburst\nport 0\nmaxclockerror " +
                        std::to_string(drift_ppm_) + "\ncmdport " + std::to_string(command_port_) +
                        "\nbindcmdaddress 127.0.0.1\n" + "bindcmdaddress " +
                        (run_folder_.empty() ? socket() : "/run/chrony/chronyd.sock") + "\n");
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
  with.paths.run = run_folder_;
  return std::make_unique<process>(std::move(with));
}

std::string chrony::told() const {
  std::string text;
  for (const auto* one : {server_.get(), follower_.get()})
    if (one != nullptr) text += one->out() + one->err();
  return text;
}

}  // namespace hedgerow::system_test
