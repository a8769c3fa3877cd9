-- What agent/build-msi.sh sets in the MSI's tables, one query a line: properties that may come
-- from a command line (SecureCustomProperties), actions whose command line is in no log (type + 8192,
-- msidbCustomActionTypeHideTarget), what undoes a failed installation (rollback: 256), and when each
-- action runs.
UPDATE `Property` SET `Value` = 'TOKEN;PROXY;KEEPSTATE;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED' WHERE `Property` = 'SecureCustomProperties'
UPDATE `CustomAction` SET `Type` = 3410 WHERE `Action` = 'UndoService'
UPDATE `CustomAction` SET `Type` = 11282 WHERE `Action` = 'JoinAgent'
UPDATE `CustomAction` SET `Type` = 11282 WHERE `Action` = 'SetProxy'
UPDATE `InstallExecuteSequence` SET `Sequence` = 1450 WHERE `Action` = 'RemoveExistingProducts'
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('StopService', 'REMOVE="ALL" AND UPGRADINGPRODUCTCODE', 1610)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('RemoveService', 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE AND NOT KEEPSTATE', 1620)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('RemoveServiceOnly', 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE AND KEEPSTATE', 1630)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('UndoService', 'NOT Installed AND NOT WIX_UPGRADE_DETECTED', 4090)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('InstallService', 'NOT REMOVE', 4100)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('SetProxy', 'NOT REMOVE AND PROXY', 4110)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('JoinAgent', 'NOT REMOVE AND TOKEN', 4120)
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('StartService', 'NOT REMOVE', 4130)
