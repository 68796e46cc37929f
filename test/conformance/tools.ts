/** What every tool of the native agent must be, whatever it does: `describeTool(name, tool)` for each file of drivers/tools. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Tool } from '../../src/core/contracts.ts';
import { ACTION_CLASSES } from '../../src/protocol/words.ts';

interface ObjectSchema {
  type?: string;
  additionalProperties?: unknown;
  properties?: Record<string, { description?: string }>;
}

export function describeTool(file: string, tool: Tool): void {
  describe(`tool ${file}`, () => {
    it('is named like its file, in letters every wire accepts', () => {
      expect(tool.name).toBe(file);
      expect(tool.name).toMatch(/^[a-z][a-z0-9_]{0,63}$/);
    });

    it('states a known action class and tells the model what it does', () => {
      expect(ACTION_CLASSES).toContain(tool.action);
      expect(tool.description.length).toBeGreaterThan(20);
      expect(tool.description).not.toContain('\n');
    });

    it('takes an object of described arguments and nothing besides', () => {
      const schema = z.toJSONSchema(tool.parameters as z.ZodType, { io: 'input' }) as ObjectSchema;
      expect(schema.type).toBe('object');
      expect(schema.additionalProperties).toBe(false);
      for (const [name, property] of Object.entries(schema.properties ?? {}))
        expect(property.description, name).toBeTruthy();
      expect((tool.parameters as z.ZodType).safeParse({ 'no-such-argument': 1 }).success).toBe(false);
    });
  });
}
