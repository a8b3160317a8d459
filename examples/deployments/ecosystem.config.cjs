// Snowgate under PM2, for those who run other servers with it: `pm2 start ecosystem.config.cjs`.
// One process, not a cluster: one gateway serves all clients.
module.exports = {
  apps: [
    {
      name: "snowgate",
      script: process.env.HOME + "/.local/bin/snowgate",
      args: "serve --replace",
      interpreter: "none",
      exec_mode: "fork",
      instances: 1,
      autorestart: true,
      restart_delay: 2000,
      // Longer than the longest drain_timeout_ms (15 s): statements finish before PM2 kills.
      kill_timeout: 30000,
      env: { SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES: "0" },
    },
  ],
};
