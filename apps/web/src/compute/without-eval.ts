/** zod compiles its schemas where it may evaluate text, and tries: here the content security policy says no, and tells. */
import { z } from 'zod';

z.config({ jitless: true });
