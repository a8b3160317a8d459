class Snowgate < Formula
  desc "Shared gateway between your MCP clients and your database"
  homepage "https://snowgate.example"
  url "@URL@/snowgate-@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "gateway")
    system "cargo", "install", *std_cargo_args(path: "shim")
    system bin/"snowgate", "man", "man"
    man1.install Dir["man/*.1"], "packaging/man/snowgate-shim.1"
    generate_completions_from_executable(bin/"snowgate", "completions")
    pkgshare.install "examples"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/snowgate --version")
    ENV["SNOWGATE_HOME"] = testpath
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    assert_match "result", pipe_output("#{bin}/snowgate-shim", "#{ping}\n", 0)
    system bin/"snowgate", "stop"
  end
end
