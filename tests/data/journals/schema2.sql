BEGIN TRANSACTION;
CREATE TABLE "alerts" (
   "alert_id" TEXT PRIMARY KEY NOT NULL,
   "condition" TEXT,
   "subject" TEXT,
   "severity" TEXT,
   "raised_at" TEXT,
   "sentence" TEXT,
   "acknowledged_at" TEXT,
   "cleared_at" TEXT,
   "body" TEXT
) STRICT;
INSERT INTO "alerts" VALUES('a1','stop_hit','NEM','critical','2026-01-05T17:00:00Z','NEM is through its stop.',NULL,NULL,'{"acknowledged_at":null,"alert_id":"a1","cleared_at":null,"condition":"stop_hit","raised_at":"2026-01-05T17:00:00Z","sentence":"NEM is through its stop.","severity":"critical","subject":"NEM","suggested_action":"","values":{}}');
CREATE TABLE "days" (
   "date" TEXT PRIMARY KEY NOT NULL,
   "equity" TEXT,
   "at" TEXT
) STRICT;
INSERT INTO "days" VALUES('2026-01-05','100000','2026-01-05T17:00:00.010000Z');
CREATE TABLE "events" (
   "seq" INTEGER PRIMARY KEY,
   "at" TEXT NOT NULL,
   "kind" TEXT NOT NULL,
   "plan_id" TEXT,
   "step" INTEGER,
   "client_order_id" TEXT,
   "account" TEXT,
   "symbol" TEXT,
   "payload" TEXT NOT NULL,
   "prev_hash" TEXT NOT NULL,
   "hash" TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1,'2026-01-05T17:00:00.001000Z','PlanCreated','p1',NULL,NULL,NULL,NULL,'{"plan":{"after":{"accounts":{"main":"2500"},"cash":"2500","cash_weight":"0.025","equity":"100000","gross_exposure":"97500","holdings":[],"leverage":"0.975","sectors":[]},"before":{"accounts":{"main":"2500"},"cash":"2500","cash_weight":"0.025","equity":"100000","gross_exposure":"97500","holdings":[],"leverage":"0.975","sectors":[]},"created_at":"2026-01-05T17:00:00Z","environment":"sim","estimated_cost":"0","findings":[],"plan_id":"p1","policy":"standard","policy_hash":"1111111111111111111111111111111111111111111111111111111111111111","proposal_sha256":"0000000000000000000000000000000000000000000000000000000000000000","revision":1,"skipped":[],"source":"Portfolio.md","steps":[{"account":"main","conviction":null,"expected_cash_after":"2954.5","expected_price":"45.45","expected_value":"454.5","funded_by":[],"limit_price":null,"n":1,"needs":[],"phase":"sell","qty":"10","reason":"Materials above its target","reference_price":"45.5","sector":"Materials","side":"sell","stop_loss_price":null,"stop_price":null,"symbol":"NEM","target_price":null,"time_in_force":"day","type":"market"}],"verdict":"SAFE"},"reason":""}','0000000000000000000000000000000000000000000000000000000000000000','c56e571ae14be243900b0a19186424ef4d9c2b3b18f0912a8c36df8d39ae0e21');
INSERT INTO "events" VALUES(2,'2026-01-05T17:00:00.002000Z','PlanStarted','p1',NULL,NULL,NULL,NULL,'{"mode":"auto"}','c56e571ae14be243900b0a19186424ef4d9c2b3b18f0912a8c36df8d39ae0e21','06cd464a26965f4407361880e06e5b58a2d4eb37f47f1f87eb487034cbe93647');
INSERT INTO "events" VALUES(3,'2026-01-05T17:00:00.003000Z','OrderIntended','p1',1,'qd-p1-s1-1','main','NEM','{"order":{"account":"main","acknowledged_at":null,"attempt":1,"cancel_requested_at":null,"child":1,"client_order_id":"qd-p1-s1-1","closed_at":null,"executions":[],"filled_avg_price":null,"filled_qty":"0","intended_at":"2026-01-05T17:00:00Z","limit_price":null,"order_id":null,"plan_id":"p1","qty":"10","reason":"","resend":false,"sent_at":null,"side":"sell","state":"planned","step":1,"stop_price":null,"symbol":"NEM","time_in_force":"day","type":"market"}}','06cd464a26965f4407361880e06e5b58a2d4eb37f47f1f87eb487034cbe93647','aba6fe73a601a1166c2772152c501b56373152d81982e3cb213ff5497b797fd8');
INSERT INTO "events" VALUES(4,'2026-01-05T17:00:00.004000Z','OrderSent',NULL,NULL,'qd-p1-s1-1',NULL,NULL,'{}','aba6fe73a601a1166c2772152c501b56373152d81982e3cb213ff5497b797fd8','1cf72adb6de3aab9edea212a6ae587321d25d4adb0c685bc19b6f10b7e79f8cc');
INSERT INTO "events" VALUES(5,'2026-01-05T17:00:00.005000Z','FillReceived',NULL,NULL,'qd-p1-s1-1','main','NEM','{"fill":{"account":"main","at":"2026-01-05T17:00:00Z","client_order_id":"qd-p1-s1-1","execution_id":"e1","order_id":"broker-qd-p1-s1-1","price":"45.5","qty":"4","side":"sell","symbol":"NEM"}}','1cf72adb6de3aab9edea212a6ae587321d25d4adb0c685bc19b6f10b7e79f8cc','16af9e6bf9d5323d0bfb3ffb6fe21bb26e4b2d63c59f9b7b08256b433c91145e');
INSERT INTO "events" VALUES(6,'2026-01-05T17:00:00.006000Z','PositionAdopted',NULL,NULL,NULL,'main','NVDA','{"avg_entry_price":"120.5","qty":"5"}','16af9e6bf9d5323d0bfb3ffb6fe21bb26e4b2d63c59f9b7b08256b433c91145e','4c2ff2280b3cbb6459aab756d4517a6593374d4ecd7b75ca85b28a17a188e675');
INSERT INTO "events" VALUES(7,'2026-01-05T17:00:00.007000Z','ProtectionSet',NULL,NULL,NULL,'main','NVDA','{"qty":"5","stop_price":"110","target_price":"140"}','4c2ff2280b3cbb6459aab756d4517a6593374d4ecd7b75ca85b28a17a188e675','6f9288179e673ffe0846028d161ae7e7155459ad4847cdb2c7734b3b7cb249f3');
INSERT INTO "events" VALUES(8,'2026-01-05T17:00:00.008000Z','AlertRaised',NULL,NULL,NULL,NULL,NULL,'{"alert":{"acknowledged_at":null,"alert_id":"a1","cleared_at":null,"condition":"stop_hit","raised_at":"2026-01-05T17:00:00Z","sentence":"NEM is through its stop.","severity":"critical","subject":"NEM","suggested_action":"","values":{}}}','6f9288179e673ffe0846028d161ae7e7155459ad4847cdb2c7734b3b7cb249f3','73d39dc3b37054a3af30f023027506a5defff75fe7c1a0ae4fc21106a05f3d4d');
INSERT INTO "events" VALUES(9,'2026-01-05T17:00:00.009000Z','Halted',NULL,NULL,NULL,NULL,NULL,'{"by":"me","reason":"tour"}','73d39dc3b37054a3af30f023027506a5defff75fe7c1a0ae4fc21106a05f3d4d','a63debfe20853d453d81d51d18e13190c7051189efa26a6d8252f55103fce3ba');
INSERT INTO "events" VALUES(10,'2026-01-05T17:00:00.010000Z','DayStarted',NULL,NULL,NULL,NULL,NULL,'{"date":"2026-01-05","equity":"100000"}','a63debfe20853d453d81d51d18e13190c7051189efa26a6d8252f55103fce3ba','456ba30b8ad702460ed07d5e30b4f9443b65563dcea8ae63eab4a837a46e74c7');
CREATE TABLE "fills" (
   "execution_id" TEXT PRIMARY KEY NOT NULL,
   "client_order_id" TEXT,
   "order_id" TEXT,
   "plan_id" TEXT,
   "step" INTEGER,
   "account" TEXT,
   "symbol" TEXT,
   "side" TEXT,
   "qty" TEXT,
   "price" TEXT,
   "at" TEXT,
   "seq" INTEGER
, "held" TEXT, "cash" TEXT) STRICT;
INSERT INTO "fills" VALUES('e1','qd-p1-s1-1','broker-qd-p1-s1-1',NULL,NULL,'main','NEM','sell','4','45.5','2026-01-05T17:00:00Z',5,'-4','182');
CREATE TABLE "halts" (
   "seq" INTEGER PRIMARY KEY NOT NULL,
   "at" TEXT,
   "halted_by" TEXT,
   "reason" TEXT,
   "completed_at" TEXT,
   "report" TEXT,
   "resumed_at" TEXT,
   "resume_reason" TEXT
) STRICT;
INSERT INTO "halts" VALUES(9,'2026-01-05T17:00:00.009000Z','me','tour',NULL,NULL,NULL,NULL);
CREATE TABLE "head" (
   "id" INTEGER PRIMARY KEY,
   "seq" INTEGER NOT NULL,
   "hash" TEXT NOT NULL
) STRICT;
INSERT INTO "head" VALUES(1,10,'456ba30b8ad702460ed07d5e30b4f9443b65563dcea8ae63eab4a837a46e74c7');
CREATE TABLE "ignored_mismatches" (
   "key" TEXT PRIMARY KEY NOT NULL,
   "reason" TEXT,
   "at" TEXT
) STRICT;
CREATE TABLE "orders" (
   "client_order_id" TEXT PRIMARY KEY NOT NULL,
   "plan_id" TEXT,
   "step" INTEGER,
   "account" TEXT,
   "symbol" TEXT,
   "side" TEXT,
   "qty" TEXT,
   "type" TEXT,
   "limit_price" TEXT,
   "state" TEXT,
   "order_id" TEXT,
   "filled_qty" TEXT,
   "filled_avg_price" TEXT,
   "reason" TEXT,
   "intended_at" TEXT,
   "sent_at" TEXT,
   "acknowledged_at" TEXT,
   "closed_at" TEXT
) STRICT;
INSERT INTO "orders" VALUES('qd-p1-s1-1','p1',1,'main','NEM','sell','10','market',NULL,'partially_filled','broker-qd-p1-s1-1','4','45.5','','2026-01-05T17:00:00.003000Z','2026-01-05T17:00:00.004000Z','2026-01-05T17:00:00.005000Z',NULL);
CREATE TABLE "plans" (
   "plan_id" TEXT PRIMARY KEY NOT NULL,
   "revision" INTEGER,
   "state" TEXT,
   "verdict" TEXT,
   "source" TEXT,
   "mode" TEXT,
   "reason" TEXT,
   "created_at" TEXT,
   "started_at" TEXT,
   "ended_at" TEXT,
   "hash" TEXT,
   "body" TEXT
) STRICT;
INSERT INTO "plans" VALUES('p1',1,'selling','SAFE','Portfolio.md','auto','','2026-01-05T17:00:00Z','2026-01-05T17:00:00.002000Z',NULL,'292e0d212441d65692e0aa03bc0e4c8380939e020a090c93e796995ce6f09ced','{"after":{"accounts":{"main":"2500"},"cash":"2500","cash_weight":"0.025","equity":"100000","gross_exposure":"97500","holdings":[],"leverage":"0.975","sectors":[]},"before":{"accounts":{"main":"2500"},"cash":"2500","cash_weight":"0.025","equity":"100000","gross_exposure":"97500","holdings":[],"leverage":"0.975","sectors":[]},"created_at":"2026-01-05T17:00:00Z","environment":"sim","estimated_cost":"0","findings":[],"plan_id":"p1","policy":"standard","policy_hash":"1111111111111111111111111111111111111111111111111111111111111111","proposal_sha256":"0000000000000000000000000000000000000000000000000000000000000000","revision":1,"skipped":[],"source":"Portfolio.md","steps":[{"account":"main","conviction":null,"expected_cash_after":"2954.5","expected_price":"45.45","expected_value":"454.5","funded_by":[],"limit_price":null,"n":1,"needs":[],"phase":"sell","qty":"10","reason":"Materials above its target","reference_price":"45.5","sector":"Materials","side":"sell","stop_loss_price":null,"stop_price":null,"symbol":"NEM","target_price":null,"time_in_force":"day","type":"market"}],"verdict":"SAFE"}');
CREATE TABLE "positions" (
   "account" TEXT NOT NULL,
   "symbol" TEXT NOT NULL,
   "qty" TEXT,
   "avg_entry_price" TEXT,
   "since" TEXT,
   "changed_at" TEXT,
   "changed_by" TEXT,
   "fills" INTEGER,
   PRIMARY KEY ("account", "symbol")
) STRICT;
INSERT INTO "positions" VALUES('main','NEM','-4','45.5','2026-01-05T17:00:00.005000Z','2026-01-05T17:00:00.005000Z','fill e1 of order qd-p1-s1-1',1);
INSERT INTO "positions" VALUES('main','NVDA','5','120.5','2026-01-05T17:00:00.006000Z','2026-01-05T17:00:00.006000Z','adoption of the broker''s figure (event 6)',0);
CREATE TABLE "protections" (
   "account" TEXT NOT NULL,
   "symbol" TEXT NOT NULL,
   "stop_price" TEXT,
   "target_price" TEXT,
   "qty" TEXT,
   "at" TEXT,
   PRIMARY KEY ("account", "symbol")
) STRICT;
INSERT INTO "protections" VALUES('main','NVDA','110','140','5','2026-01-05T17:00:00.007000Z');
CREATE TABLE "trading_state" (
   "id" INTEGER PRIMARY KEY NOT NULL,
   "state" TEXT,
   "since" TEXT,
   "reason" TEXT
) STRICT;
INSERT INTO "trading_state" VALUES(1,'HALTED','2026-01-05T17:00:00.009000Z','tour');
CREATE INDEX events_plan_id ON events (plan_id) WHERE plan_id IS NOT NULL;
CREATE INDEX events_client_order_id ON events (client_order_id) WHERE client_order_id IS NOT NULL;
CREATE TRIGGER events_never_UPDATE BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_never_DELETE BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE INDEX events_kind ON events (kind);
CREATE INDEX fills_plan_id ON fills (plan_id);
CREATE INDEX fills_position ON fills (account, symbol, seq, held);
COMMIT;
PRAGMA user_version = 2;
PRAGMA application_id = 1363430193;
