#include "tests/system/harness/networked_database.h"

#include <utility>

namespace hedgerow::system_test {

using postgres_test::postgres_server;

networked_database::networked_database(int agents) : net_{agents + 1} {
  if (!net_.ready()) return;
  inside(net_.host(database), [this] {
    server_ = std::make_unique<postgres_server>(postgres_test::server_setup{.listen = "*"});
  });
  if (server_) server_->set_hba("local all all trust\nhost all all all scram-sha-256");
}

std::string networked_database::url(const std::string& parameters) const {
  return "postgres://owner@" + net_.address(database) + ":" + std::to_string(server_->port()) +
         "/app" + parameters;
}

process_setup networked_database::on_host(int number, process_setup with) const {
  with.network_namespace = net_.host(number);
  with.environment["PGPASSWORD"] = postgres_server::password("owner");
  return with;
}

agent& networked_database::start(cluster& group, int number) {
  const std::string name(1, static_cast<char>('a' + number));
  const arguments more{"--listen", "0.0.0.0:0", "--insecure"};
  return group.start_with(name, on_host(number, group.agent_setup(name, more)));
}

outcome networked_database::run(int number, const arguments& given) const {
  process_setup with;
  with.arguments = {HEDGEROW_COMMAND};
  with.arguments.insert(with.arguments.end(), given.begin(), given.end());
  return run_program(on_host(number, std::move(with)));
}

}  // namespace hedgerow::system_test
